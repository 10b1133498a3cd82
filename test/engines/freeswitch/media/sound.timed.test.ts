import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { type Call, lentCall, speak, until } from "./support.ts";

let call: Call;
afterEach(() => call.close());

test("that somebody else has ended unicast is noticed within 200 ms", async () => {
  call = lentCall();
  const media = await call.open();
  await until(() => call.sound.stream.connected, "the stream");
  speak(media, 1, 20);
  const atMs = systemClock.now();
  call.sound.playback(new Int16Array(8000));
  await until(() => call.counts.restarts === 1, "the loss noticed");
  expect(systemClock.now() - atMs).toBeLessThanOrEqual(200);
});

test("a reply's first frame leaves at once, and it is silent within a frame when it is cut", async () => {
  call = lentCall({ loaded: false });
  const media = await call.open();
  for (let turn = 1; turn <= 5; turn += 1) {
    await systemClock.sleep(40 + turn * 7);
    const before = call.sound.heard.length;
    speak(media, turn, 30);
    const spokenMs = systemClock.now();
    await until(() => call.sound.heard.slice(before).some((pcm) => pcm[0] === turn), "the first frame");
    expect(systemClock.now() - spokenMs).toBeLessThanOrEqual(8);
    await systemClock.sleep(150);
    media.clear();
    const heard = call.sound.heard.filter((pcm) => pcm[0] === turn).length;
    await systemClock.sleep(60);
    expect(call.sound.heard.filter((pcm) => pcm[0] === turn).length - heard).toBeLessThanOrEqual(1);
  }
});
