import { afterEach, describe, expect, test } from "vitest";
import { PhoneCall } from "../conversation/phone-call.ts";

let call: PhoneCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

/** A caller of a recogniser that judges turns: its words come with what it thinks of the turn. */
async function caller(words: string): Promise<void> {
  call.media.sound(240);
  await call.wait(240);
  call.ear.emit(words, { final: false, eager: false });
}

describe("with a recogniser that judges turns", () => {
  test("the answer is prepared when the turn is nearly over, and said at once when it is", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.partials = false;
    call.model.firstMs = 300;
    await caller("when are you open");
    const spoken = call.clock.now();
    await call.wait(60);
    call.ear.emit("when are you open", { final: false, eager: true });
    await call.wait(0);
    expect(call.model.asked).toHaveLength(1);
    await call.wait(240);
    call.ear.emit("when are you open", { final: true, turnEnd: true });
    await call.wait(100);
    // The silence rule alone would have waited for 600 ms, and the model had its 300 ms meanwhile.
    expect(call.latency(spoken)).toBeLessThan(480);
    expect(call.model.asked).toHaveLength(1);
    await call.quiet();
    expect(call.heard()).toContain("You said when are you open.");
  });

  test("an answer that was prepared too soon is thrown away when the caller goes on", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.partials = false;
    await caller("when are you open");
    const spoken = call.clock.now();
    call.ear.emit("when are you open", { final: false, eager: true });
    await call.wait(200);
    call.ear.emit("when are you open", { final: false, eager: false });
    await call.wait(100);
    await caller("when are you open on sundays");
    call.ear.emit("when are you open on sundays", { final: false, eager: true });
    await call.wait(200);
    call.ear.emit("when are you open on sundays", { final: true, turnEnd: true });
    await call.wait(3_000);
    expect(call.heard(spoken)).toBe("You said when are you open on sundays.");
    expect(call.turns.filter(({ caller: { text } }) => text !== "")).toHaveLength(1);
  });

  test("a pause that it does not take for the end may last twice as long, and no longer", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.partials = false;
    call.ear.hear("book a table");
    await caller("book a table");
    const spoken = call.clock.now();
    await call.wait(900);
    expect(call.soundAfter(spoken)).toBeUndefined();
    await call.wait(900);
    expect(call.soundAfter(spoken)).toBeDefined();
  });

  test("the end of a turn that interrupts the agent is answered at once", async () => {
    call = await new PhoneCall().start({
      greeting: "Hello, this is the clinic and we can help you with many things today.",
    });
    await call.wait(600);
    call.ear.partials = false;
    await caller("I want to book a table");
    const spoken = call.clock.now();
    await call.wait(100);
    call.ear.emit("I want to book a table", { final: true, turnEnd: true });
    await call.wait(200);
    expect(call.latency(spoken)).toBeLessThan(250);
    await call.quiet();
    expect(call.heard(spoken)).toContain("You said I want to book a table.");
  });

  test("an answer within 200 ms of the last word is not taken for talking over the caller", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.partials = false;
    call.model.firstMs = 80;
    call.media.sound(1_200);
    await call.wait(1_200);
    const spoken = call.clock.now();
    await call.wait(20);
    call.ear.emit("when are you open", { final: false, eager: true });
    await call.wait(40);
    call.ear.emit("when are you open", { final: true, turnEnd: true });
    await call.wait(120);
    // Voice activity says that the caller is silent after 200 ms only.
    expect(call.latency(spoken)).toBeLessThan(180);
    const begun = call.soundAfter(spoken) ?? 0;
    await call.quiet();
    expect(call.heard(spoken)).toBe("You said when are you open.");
    expect(call.bargeIns).toEqual([]);
    // Nor is it held: its words follow each other without a gap.
    const heard = call.media.heard.filter(({ atMs }) => atMs >= begun).map(({ atMs }) => atMs);
    expect(Math.max(...heard.slice(1).map((atMs, index) => atMs - (heard[index] ?? 0)))).toBeLessThanOrEqual(20);
  });

  test("a caller who goes on loudly after the end of a turn takes the floor before a word is understood", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.ear.partials = false;
    call.media.sound(3_000);
    await call.wait(1_200);
    call.ear.emit("when are you open", { final: false, eager: true });
    await call.wait(40);
    const answered = call.clock.now();
    call.ear.emit("when are you open", { final: true, turnEnd: true });
    await call.wait(400);
    expect(call.lastHeardAt).toBeLessThan(answered + 200);
  });
});
