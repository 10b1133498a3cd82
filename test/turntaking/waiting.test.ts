import { afterEach, describe, expect, test } from "vitest";
import { samplesPerFrame } from "../../src/audio/frame.ts";
import { waitingMelody } from "../../src/audio/melody.ts";
import { PhoneCall } from "../conversation/phone-call.ts";

let call: PhoneCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

describe("a caller who has to wait", () => {
  test("for a slow model hears music after 2.5 seconds, and the answer without a rest of it", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.model.firstMs = 4_500;
    await call.say("when are you open");
    await call.wait(600 + 2_400);
    expect(call.media.music).toBe(0);
    await call.wait(700);
    expect(call.media.music).toBeGreaterThan(5);
    await call.wait(4_000);
    await call.quiet();
    expect(call.heard()).toBe("Hello, this is the clinic. You said when are you open.");
    const music = call.media.music;
    await call.wait(2_000);
    expect(call.media.music).toBe(music);
  });

  test("and speaks instead ends the music at once", async () => {
    call = await new PhoneCall().start();
    await call.quiet();
    call.model.firstMs = 4_500;
    await call.say("when are you open");
    await call.wait(3_600);
    expect(call.media.music).toBeGreaterThan(5);
    call.model.firstMs = 0;
    await call.say("where can I park");
    const music = call.media.music;
    await call.wait(700);
    expect(call.media.music).toBe(music);
    await call.quiet();
    expect(call.heard()).toContain("where can I park.");
  });
});

test("the music is soft, never clipped, and made of whole frames", () => {
  for (const rate of [8000, 16_000] as const) {
    const melody = waitingMelody(rate);
    expect(melody.every(({ pcm }) => pcm.length === samplesPerFrame(rate))).toBe(true);
    expect(Math.max(...melody.flatMap(({ pcm }) => [...pcm]))).toBeLessThan(1_000);
  }
  call = new PhoneCall();
});
