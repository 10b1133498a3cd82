import { afterEach, describe, expect, test } from "vitest";
import { PhoneCall } from "../conversation/phone-call.ts";

let call: PhoneCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

/** A recogniser that takes its time for its final words, and a model that takes its time for its first one. */
async function slowly(): Promise<void> {
  call = await new PhoneCall().start({ pauseMs: 600 });
  await call.quiet();
  call.ear.finalMs = 350;
  call.model.firstMs = 350;
}

describe("while a caller's pause lasts", () => {
  test("the model is at work on words that have not changed for a while, without their final", async () => {
    await slowly();
    const spoken = await call.say("when are you open");
    await call.wait(300);
    expect(call.model.asked).toHaveLength(1);
    await call.wait(3_000);
    // One after the other it would be 600 or 550, and 350 more.
    expect(call.latency(spoken)).toBeLessThan(650);
    expect(call.model.asked).toHaveLength(1);
    expect(call.heard(spoken)).toBe("You said when are you open.");
  });

  test("a final that differs by its capitals and marks alone has the same answer", async () => {
    await slowly();
    call.ear.partials = false;
    call.media.sound(960);
    await call.wait(960);
    const spoken = call.clock.now();
    call.ear.emit("when are you open", { final: false });
    call.ear.hear("When are you open?");
    await call.wait(3_000);
    expect(call.latency(spoken)).toBeLessThan(650);
    expect(call.model.asked).toHaveLength(1);
    expect(call.turns.at(-1)?.caller.text).toBe("When are you open?");
  });

  test("an answer to words that the final corrects is never heard, nor remembered", async () => {
    await slowly();
    call.ear.partials = false;
    call.media.sound(960);
    await call.wait(960);
    const spoken = call.clock.now();
    call.ear.emit("when are you", { final: false });
    call.ear.hear("when are you open");
    await call.wait(3_000);
    expect(call.heard(spoken)).toBe("You said when are you open.");
    expect(call.model.asked).toHaveLength(2);
    await call.say("and on sunday");
    await call.wait(3_000);
    expect(JSON.stringify(call.model.asked.at(-1))).not.toContain('"when are you"');
    expect(call.turns.map(({ caller }) => caller.text)).toEqual(["", "when are you open", "and on sunday"]);
  });

  test("a caller who goes on speaks to nobody who answers already, and the thrown away request is on the bill", async () => {
    await slowly();
    call.model.bills = true;
    const spoken = await call.say("when are you open");
    await call.wait(500);
    expect(call.model.asked).toHaveLength(1);
    await call.say("on sundays");
    await call.wait(3_000);
    expect(call.heard(spoken)).toBe("You said when are you open on sundays.");
    expect(call.turns.filter(({ caller }) => caller.text !== "")).toHaveLength(1);
    expect(call.usage).toHaveLength(call.model.asked.length);
  });
});
