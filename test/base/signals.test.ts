import { getEventListeners } from "node:events";
import { describe, expect, test } from "vitest";
import { codeOf, isCancellation, messageOf, OutsideError } from "../../src/base/errors.ts";
import { abortable, Gate, withDeadline, withinBeats } from "../../src/base/signals.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const listeners = (signal: AbortSignal) => getEventListeners(signal, "abort").length;
const forever = () => new Promise<never>(() => {});

describe("waiting under a signal", () => {
  test("has the promise's outcome, and leaves no listener", async () => {
    const { signal } = new AbortController();
    expect(await abortable(Promise.resolve(5), signal)).toBe(5);
    await expect(abortable(Promise.reject(new Error("refused")), signal)).rejects.toThrow("refused");
    expect(listeners(signal)).toBe(0);
  });

  test("ends when the call ends", async () => {
    const call = new AbortController();
    const waiting = abortable(forever(), call.signal);
    call.abort("normal");
    await expect(waiting).rejects.toBe("normal");
    await expect(abortable(Promise.resolve(1), call.signal)).rejects.toBe("normal");
  });

  test("a loser that fails later disturbs nobody", async () => {
    const call = new AbortController();
    const late = Promise.withResolvers<never>();
    const waiting = abortable(late.promise, call.signal);
    call.abort("normal");
    await expect(waiting).rejects.toBe("normal");
    late.reject(new Error("nobody listens any more"));
  });
});

describe("a deadline in beats", () => {
  const wanted = { ms: 400, message: "the journal did not answer" };

  test("is the same where time passes as it should", async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    const asking = withinBeats(forever, { clock, ...wanted, signal }).catch((error: unknown) => error);
    let over = false;
    void asking.then(() => {
      over = true;
    });
    await clock.advance(399);
    expect(over).toBe(false);
    await clock.advance(1);
    expect(await asking).toMatchObject({ code: "timeout", message: wanted.message });
    expect([clock.pending, listeners(signal)]).toEqual([0, 0]);
    expect(await withinBeats(async () => "yes", { clock, ...wanted, signal })).toBe("yes");
    expect([clock.pending, listeners(signal)]).toEqual([0, 0]);
  });

  /** A clock whose beats come when the test says so. */
  function late() {
    let nowMs = 0;
    let beat = (): void => {};
    const every = (_ms: number, run: () => void) => {
      beat = run;
      return { cancel() {} };
    };
    const clock = { ...new VirtualClock(), now: () => nowMs, every } as unknown as VirtualClock;
    return {
      clock,
      beatAfter(ms: number): void {
        nowMs += ms;
        beat();
      },
    };
  }

  test("does not take the machine's slowness for nobody's answer", async () => {
    const { clock, beatAfter } = late();
    const answer = Promise.withResolvers<string>();
    const asking = withinBeats(() => answer.promise, { clock, ...wanted });
    beatAfter(1000);
    answer.resolve("it was there all the time");
    expect(await asking).toBe("it was there all the time");
  });

  test("is not waited for more than twice as long, however late the beats are", async () => {
    const { clock, beatAfter } = late();
    const asking = withinBeats(forever, { clock, ...wanted }).catch((error: unknown) => error);
    for (const ms of [300, 300, 200]) beatAfter(ms);
    expect(await asking).toMatchObject({ code: "timeout" });
  });

  test("is over with whoever waits", async () => {
    const call = new AbortController();
    const asking = withinBeats(forever, { clock: new VirtualClock(), ...wanted, signal: call.signal });
    call.abort("hung up");
    await expect(asking).rejects.toBe("hung up");
  });
});

describe("a deadline", () => {
  test("ends what does not answer, and tells it", async () => {
    const clock = new VirtualClock();
    let told: AbortSignal | undefined;
    const asking = withDeadline(
      (signal) => {
        told = signal;
        return forever();
      },
      { clock, ms: 500, message: "the PBX did not answer within 500 ms" },
    ).catch((error: unknown) => error);
    await clock.advance(499);
    expect(told?.aborted).toBe(false);
    await clock.advance(1);
    expect(await asking).toMatchObject({ code: "timeout", message: "the PBX did not answer within 500 ms" });
    expect(told?.aborted).toBe(true);
  });

  test("leaves nothing behind an answer in time", async () => {
    const clock = new VirtualClock();
    const { signal } = new AbortController();
    expect(await withDeadline(async () => "yes", { clock, ms: 500, message: "late", signal })).toBe("yes");
    expect([clock.pending, listeners(signal)]).toEqual([0, 0]);
  });

  test("is no matter when the call has ended", async () => {
    const clock = new VirtualClock();
    const call = new AbortController();
    const asking = withDeadline(forever, { clock, ms: 500, message: "late", signal: call.signal });
    call.abort("normal");
    await expect(asking).rejects.toBe("normal");
    expect(clock.pending).toBe(0);
  });
});

test("a gate lets all go that wait, and those whose call ends leave by themselves", async () => {
  const gate = new Gate();
  const [stays, ends] = [new AbortController(), new AbortController()];
  const first = gate.wait(stays.signal);
  const second = gate.wait(ends.signal);
  ends.abort("normal");
  await expect(second).rejects.toBe("normal");
  expect(gate.waiting).toBe(1);
  gate.open();
  await first;
  expect([gate.waiting, listeners(stays.signal)]).toEqual([0, 0]);
});

describe("errors", () => {
  test("have a code and one line, whatever was thrown", () => {
    const two = new AggregateError(
      [new Error("connect ECONNREFUSED ::1:5038"), new Error("connect ECONNREFUSED 127.0.0.1:5038")],
      "",
    );
    expect(messageOf(two)).toBe("connect ECONNREFUSED ::1:5038; connect ECONNREFUSED 127.0.0.1:5038");
    expect(messageOf("text")).toBe("text");
    expect([
      codeOf(new OutsideError("refused", "wrong password")),
      codeOf(Object.assign(new Error(), { code: 5 })),
      codeOf(null),
    ]).toEqual(["refused", "", ""]);
  });

  test("a cancellation is known from a failure", () => {
    const call = new AbortController();
    const failure = new Error("refused");
    expect(isCancellation(failure, call.signal)).toBe(false);
    call.abort("normal");
    expect(isCancellation("normal", call.signal)).toBe(true);
    expect(isCancellation(new DOMException("stopped", "AbortError"), call.signal)).toBe(true);
    expect(isCancellation(failure, call.signal)).toBe(false);
    expect(isCancellation(failure, undefined)).toBe(false);
  });
});
