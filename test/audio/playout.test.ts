import { describe, expect, test } from "vitest";
import { digitalSilence } from "../../src/audio/comfort.ts";
import { Playout, type PlayoutOptions } from "../../src/audio/playout.ts";
import { isSilent, PromptPbx, type Sent, TickingPbx } from "../support/playing-pbx.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const RATE = 8000;
const FRAME = 160;

/** A frame of which every sample is `mark`, so that it is known again. */
const frame = (mark: number, samples = FRAME) => ({ pcm: new Int16Array(samples).fill(mark), rate: RATE }) as const;
const speech = (sent: readonly Sent[]) => sent.filter(({ pcm }) => !isSilent(pcm));
const marks = (sent: readonly Sent[]) => speech(sent).map(({ pcm }) => pcm[0]);
const never = new AbortController().signal;

function paced({ phaseMs = 7, ...options }: Partial<PlayoutOptions> & { phaseMs?: number } = {}) {
  const clock = new VirtualClock();
  const pbx = new TickingPbx(clock, phaseMs);
  const playout = new Playout({
    clock,
    rate: RATE,
    leadMs: 100,
    queueMs: 1000,
    sink: pbx,
    comfort: digitalSilence(RATE),
    ...options,
  });
  playout.start();
  const say = (from: number, to: number) => {
    for (let mark = from; mark <= to; mark++) playout.write(frame(mark));
  };
  return { clock, pbx, playout, say };
}
const unpaced = (options: Partial<PlayoutOptions> = {}) => paced({ leadMs: 0, ...options });

/** Whether a promise is settled by now, without waiting for it. */
function watch(promise: Promise<void>) {
  const state = { done: false };
  promise.then(
    () => {
      state.done = true;
    },
    () => {},
  );
  return state;
}

describe("while nobody speaks", () => {
  test("the caller hears an open line, without a gap, and the PBX holds at most one frame of it", async () => {
    const { clock, pbx } = paced();
    await clock.advance(10_000);
    expect(pbx.emptyTicks).toBe(0);
    expect(pbx.longestQueue).toBe(1);
    expect(pbx.sent).toHaveLength(501);
  });

  test("after a stall the missed silence is not sent in a burst", async () => {
    const { clock, pbx } = paced();
    await clock.advance(100);
    const before = pbx.sent.length;
    clock.stall(500);
    await clock.advance(0);
    expect(pbx.sent.length - before).toBe(1);
  });
});

describe("a reply to a PBX that paces", () => {
  test("begins in the tick in which its first frame is written, before any silence that waits", async () => {
    const { clock, pbx, say } = paced();
    await clock.advance(1009);
    say(1, 1);
    expect(speech(pbx.sent)).toMatchObject([{ atMs: 1009 }]);
    await clock.advance(20);
    const first = pbx.played.findIndex(({ pcm }) => !isSilent(pcm));
    expect(pbx.played[first]?.atMs).toBe(1027);
  });

  test("is handed over 100 ms ahead and no further, and is heard without a gap", async () => {
    const { clock, pbx, say } = paced();
    await clock.advance(1000);
    say(1, 40);
    expect(speech(pbx.sent)).toHaveLength(5);
    await clock.advance(2000);
    expect(marks(pbx.played)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    const times = speech(pbx.played).map(({ atMs }) => atMs);
    expect((times.at(-1) ?? 0) - (times[0] ?? 0)).toBe(39 * 20);
    expect(pbx.longestQueue).toBeLessThanOrEqual(5);
    expect(pbx.emptyTicks).toBeLessThanOrEqual(1);
  });

  test("that its voice yields too slowly goes on at once when there is more", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(100);
    say(1, 3);
    await clock.advance(505);
    expect(playout.heardMs).toBe(60);
    say(4, 4);
    expect(speech(pbx.sent).at(-1)).toMatchObject({ atMs: 605 });
    await clock.advance(100);
    expect(playout.heardMs).toBe(80);
  });

  test("ends with what fills no frame, padded with silence", async () => {
    const { clock, pbx, playout } = paced();
    await clock.advance(100);
    playout.write(frame(1));
    playout.write(frame(2, 40));
    await clock.advance(100);
    expect(marks(pbx.played)).toEqual([1, 2]);
    expect([...(speech(pbx.played)[1]?.pcm ?? [])].filter((sample) => sample === 2)).toHaveLength(40);
    expect(playout.heardMs).toBe(25);
  });

  test("cut into pieces of odd lengths is joined again", async () => {
    const { clock, pbx, playout } = paced();
    await clock.advance(100);
    playout.write(frame(1));
    for (let i = 0; i < 8; i++) playout.write(frame(2, 100));
    await clock.advance(500);
    expect(speech(pbx.played).map(({ pcm }) => [...pcm].filter((sample) => sample === 0).length)).toEqual([
      0, 0, 0, 0, 0, 0,
    ]);
  });
});

describe("a PBX that is handed several frames at a time", () => {
  const batch = { speech: 3, comfort: 5 };
  const ticksOf = (sent: readonly Sent[]) => new Set(sent.map(({ atMs }) => atMs)).size;

  test("has an open line with a fifth of the writes, and what waits there is not heard before a reply", async () => {
    const { clock, pbx, say } = paced({ batch });
    await clock.advance(10_000);
    expect(pbx.emptyTicks).toBe(0);
    expect(pbx.longestQueue).toBeLessThanOrEqual(6);
    expect(ticksOf(pbx.sent)).toBeLessThanOrEqual(101);
    say(1, 1);
    await clock.advance(20);
    expect(speech(pbx.played)).toHaveLength(1);
  });

  test("plays a reply without a gap, its first frame as soon as ever, and never has less than 40 ms of it", async () => {
    const { clock, pbx, playout, say } = paced({ batch });
    await clock.advance(1009);
    say(1, 40);
    expect(speech(pbx.sent)).toHaveLength(5);
    const left: number[] = [];
    for (let ms = 0; ms < 600; ms++) {
      await clock.advance(1);
      left.push(speech(pbx.sent).length - speech(pbx.played).length);
    }
    expect(Math.min(...left)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...left)).toBeLessThanOrEqual(5);
    await clock.advance(400);
    expect(marks(pbx.played)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(ticksOf(speech(pbx.sent))).toBeLessThanOrEqual(13);
    expect(playout.heardMs).toBe(800);
  });

  test("is silent at once when the caller speaks, and goes on where the caller heard it end", async () => {
    const { clock, pbx, playout, say } = paced({ batch });
    await clock.advance(1009);
    say(1, 40);
    await clock.advance(305);
    playout.hold();
    await clock.advance(200);
    const heard = marks(pbx.played);
    expect(Math.abs(playout.heardMs - heard.length * 20)).toBeLessThanOrEqual(20);
    playout.resume();
    await clock.advance(1000);
    expect(marks(pbx.played).slice(-1)).toEqual([40]);
    expect(new Set(marks(pbx.played)).size).toBeGreaterThanOrEqual(39);
  });
});

describe("a busy host", () => {
  test("a reply that a stall interrupted goes on, and the delay does not stay in the PBX", async () => {
    for (const stallMs of [90, 140, 700]) {
      const { clock, pbx, playout, say } = paced();
      await clock.advance(1000);
      say(1, 40);
      await clock.advance(205);
      clock.stall(stallMs);
      await clock.advance(400);
      playout.hold();
      expect(Math.abs(playout.heardMs - marks(pbx.played).length * 20)).toBeLessThanOrEqual(20);
      playout.resume();
      await clock.advance(2000);
      expect(new Set(marks(pbx.played)).size).toBeGreaterThanOrEqual(39);
      expect(pbx.longestQueue).toBeLessThanOrEqual(5);
    }
  });

  test("timers that run early do not end the sound", async () => {
    const clock = new VirtualClock();
    const pbx = new TickingPbx(clock, 7);
    const early = {
      now: () => clock.now(),
      wall: () => clock.wall(),
      after: (ms: number, run: () => void) => clock.after(ms > 5 ? ms - 2 : ms, run),
      every: (ms: number, run: () => void) => clock.every(ms, run),
      sleep: (ms: number, signal?: AbortSignal) => clock.sleep(ms, signal),
    };
    const playout = new Playout({ clock: early, rate: RATE, leadMs: 100, queueMs: 1000, sink: pbx });
    playout.start();
    for (let i = 0; i < 20; i++) playout.write(frame(1));
    await clock.advance(10_000);
    expect(pbx.sent.length).toBeGreaterThan(495);
    expect(playout.heardMs).toBe(400);
  });
});

describe("the caller speaks over a reply", () => {
  test("and hears no more of it after the frame that was on its way", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(1000);
    say(1, 40);
    await clock.advance(200);
    playout.hold();
    const heard = marks(pbx.played).length;
    await clock.advance(1000);
    expect(marks(pbx.played).length).toBe(heard);
    expect(pbx.emptyTicks).toBeLessThanOrEqual(1);
  });

  test("and after a cough the reply goes on where it stopped, within a frame", async () => {
    for (let phaseMs = 0; phaseMs < 20; phaseMs++) {
      const { clock, pbx, playout, say } = paced({ phaseMs });
      await clock.advance(1000);
      say(1, 40);
      await clock.advance(213);
      playout.hold();
      await clock.advance(307);
      playout.resume();
      await clock.advance(2000);
      const steps = marks(pbx.played).map((mark, i, all) => (mark ?? 0) - (all[i - 1] ?? 0));
      expect(steps.filter((step) => step !== 1).length).toBeLessThanOrEqual(1);
      expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...steps)).toBeLessThanOrEqual(2);
      expect(playout.heardMs).toBe(800);
    }
  });

  test("and the history learns how much of it was heard", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(1000);
    say(1, 40);
    await clock.advance(333);
    const heardMs = playout.clear();
    await clock.advance(500);
    expect(Math.abs(heardMs - marks(pbx.played).length * 20)).toBeLessThanOrEqual(20);
    expect(playout.heardMs).toBe(0);
  });

  test("and the next reply begins at once, in full", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(1000);
    say(1, 40);
    await clock.advance(100);
    playout.hold();
    await clock.advance(50);
    playout.clear();
    say(101, 110);
    await clock.advance(1000);
    expect(marks(pbx.played).filter((mark) => (mark ?? 0) > 100)).toEqual([
      101, 102, 103, 104, 105, 106, 107, 108, 109, 110,
    ]);
    expect(playout.heardMs).toBe(200);
  });

  test("while it is held nothing but comfort noise is sent, and what is written waits", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(100);
    playout.hold();
    say(1, 3);
    await clock.advance(500);
    expect(speech(pbx.sent)).toEqual([]);
    playout.resume();
    expect(marks(pbx.sent)).toEqual([1, 2, 3]);
  });
});

describe("back-pressure", () => {
  test("says when it is enough, and when there is room again", async () => {
    const { clock, playout } = paced();
    let written = 0;
    while (playout.write(frame(1))) written++;
    expect(written * 20).toBe(1000 + 100 - 20);
    const room = watch(playout.room(never));
    await clock.advance(300);
    expect(room.done).toBe(false);
    await clock.advance(400);
    expect(room.done).toBe(true);
    await playout.room(never);
  });

  test("a writer that waits for room goes on when all is cleared", async () => {
    const { clock, playout, say } = paced();
    say(1, 60);
    const room = watch(playout.room(never));
    playout.hold();
    await clock.advance(5000);
    expect(room.done).toBe(false);
    playout.clear();
    await clock.advance(0);
    expect(room.done).toBe(true);
  });

  test("a writer that does not listen loses frames, and they are counted", async () => {
    const { clock, playout } = paced();
    for (let i = 0; i < 500; i++) playout.write(frame(1));
    expect(playout.dropped).toBeGreaterThan(400);
    expect(playout.writtenMs).toBeLessThan(1700);
    await clock.advance(5000);
    expect(playout.heardMs).toBe(playout.writtenMs);
  });

  test("a frame of another rate is refused", () => {
    const { playout } = paced();
    expect(() => playout.write({ pcm: new Int16Array(320), rate: 16000 })).toThrow("16000 Hz for a call of 8000 Hz");
  });

  test("who waits leaves when the call ends", async () => {
    const { playout, say } = paced();
    const gone = new AbortController();
    say(1, 60);
    const waits = [playout.room(gone.signal), playout.drained(gone.signal)].map((wait) =>
      wait.catch((error: unknown) => error),
    );
    gone.abort("normal");
    expect(await Promise.all(waits)).toEqual(["normal", "normal"]);
    await expect(playout.drained(gone.signal)).rejects.toBe("normal");
  });
});

describe("the end of a reply", () => {
  test("is when it was heard, not when it was handed over", async () => {
    const { clock, pbx, playout, say } = paced();
    await clock.advance(100);
    say(1, 10);
    const drained = watch(playout.drained(never));
    await clock.advance(190);
    expect(drained.done).toBe(false);
    await clock.advance(20);
    expect(drained.done).toBe(true);
    expect(marks(pbx.played)).toHaveLength(10);
    await playout.drained(never);
  });

  test("waits while it is held, and comes with a clear", async () => {
    const { clock, playout, say } = paced();
    say(1, 10);
    await clock.advance(50);
    playout.hold();
    const drained = watch(playout.drained(never));
    await clock.advance(5000);
    expect(drained.done).toBe(false);
    playout.clear();
    await clock.advance(0);
    expect(drained.done).toBe(true);
  });

  test("closing leaves no timer, keeps the account and lets everybody go", async () => {
    const clock = new VirtualClock();
    const pbx = new PromptPbx(clock);
    const playout = new Playout({ clock, rate: RATE, leadMs: 100, queueMs: 1000, sink: pbx });
    playout.start();
    for (let i = 0; i < 20; i++) playout.write(frame(1));
    await clock.advance(105);
    const drained = playout.drained(never);
    playout.close();
    playout.close();
    await drained;
    expect(clock.pending).toBe(0);
    await clock.advance(1000);
    expect(playout.heardMs).toBeGreaterThan(80);
    expect(playout.heardMs).toBeLessThanOrEqual(120);
    expect(playout.write(frame(1))).toBe(false);
    playout.hold();
    playout.resume();
    expect(playout.clear()).toBe(playout.heardMs);
  });
});

describe("a PBX that does not pace", () => {
  test("gets a frame every 20 ms, speech on the clock that began with it, silence on the one before", async () => {
    const { clock, pbx, say } = unpaced();
    await clock.advance(1009);
    say(1, 20);
    await clock.advance(1000);
    const times = (sent: readonly Sent[]) => sent.map(({ atMs }) => atMs);
    expect(marks(pbx.sent)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    expect(times(speech(pbx.sent))).toEqual(Array.from({ length: 20 }, (_, i) => 1009 + i * 20));
    expect(times(pbx.sent.filter(({ pcm }) => isSilent(pcm))).filter((atMs) => atMs % 20 !== 0)).toEqual([]);
    expect(pbx.sent).toHaveLength(Math.floor(clock.now() / 20) + 1);
  });

  test("gets a reply's first frame at once, and never more in all than the clock allows", async () => {
    const { clock, pbx, say } = unpaced();
    await clock.advance(1009);
    for (let reply = 0; reply < 20; reply++) {
      say(1, 3);
      expect(speech(pbx.sent).at(-1)?.atMs).toBe(clock.now());
      await clock.advance(109);
      expect(pbx.sent.length).toBeLessThanOrEqual(clock.now() / 20 + 1);
    }
    await clock.advance(100);
    expect(pbx.sent.length).toBeGreaterThanOrEqual(Math.floor(clock.now() / 20) - 1);
  });

  test("gets what a short stall held up, and not what a long one did", async () => {
    const { clock, pbx, say } = unpaced();
    say(1, 49);
    await clock.advance(100);
    expect(marks(pbx.sent)).toHaveLength(6);
    clock.stall(45);
    await clock.advance(15);
    expect(marks(pbx.sent)).toHaveLength(9);
    clock.stall(500);
    await clock.advance(0);
    expect(marks(pbx.sent)).toHaveLength(10);
    await clock.advance(20);
    expect(marks(pbx.sent)).toHaveLength(11);
  });

  test("after a hold gets the next frame, none twice and none lost", async () => {
    const { clock, pbx, playout, say } = unpaced();
    await clock.advance(33);
    say(1, 20);
    await clock.advance(107);
    playout.hold();
    await clock.advance(211);
    playout.resume();
    await clock.advance(1000);
    expect(marks(pbx.sent)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
  });
});

test("an echo's reference tells what is heard and when", async () => {
  const { clock, playout, pbx, say } = paced({ phaseMs: 10, sinkDelayMs: 10 });
  const reference: { mark: number | undefined; playsAtMs: number }[] = [];
  playout.onSent((pcm, playsAtMs) => reference.push({ mark: pcm[0], playsAtMs }));
  await clock.advance(1000);
  say(1, 8);
  await clock.advance(500);
  expect(reference).toEqual(speech(pbx.played).map(({ atMs, pcm }) => ({ mark: pcm[0], playsAtMs: atMs })));
});
