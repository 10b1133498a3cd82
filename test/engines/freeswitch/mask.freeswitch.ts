import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readWav } from "../../../src/audio/wav.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { Leg } from "../../../src/call/engine.ts";
import type { RawRecording, RecordingStore } from "../../../src/call/recording.ts";
import { createFreeswitch } from "../../../src/engines/freeswitch/engine.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { speakForEver } from "./speaker.ts";

const OPEN_HZ = 700;
const SECRET_HZ = 1500;
const PASSAGE_MS = 2000;
const WINDOW = 160;
const RATE = 8000;

const pbx = new RealFreeswitch("auto");
let spool = "";
beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), "sidetone-spool-"));
  await pbx.start();
});
afterAll(async () => {
  await pbx.stop();
  await rm(spool, { recursive: true, force: true });
});

function level(pcm: Int16Array): number {
  return Math.sqrt(pcm.reduce((sum, value) => sum + value * value, 0) / pcm.length);
}

/** Share of these samples that is this tone. */
function share(pcm: Int16Array, hz: number): number {
  let [energy, real, imaginary] = [1, 0, 0];
  for (const [index, value] of pcm.entries()) {
    energy += value * value;
    real += value * Math.cos((2 * Math.PI * hz * index) / RATE);
    imaginary += value * Math.sin((2 * Math.PI * hz * index) / RATE);
  }
  return (2 * (real * real + imaginary * imaginary)) / (pcm.length * energy);
}

const windows = (pcm: Int16Array): Int16Array[] =>
  Array.from({ length: Math.floor(pcm.length / WINDOW) }, (_, index) =>
    pcm.subarray(index * WINDOW, (index + 1) * WINDOW),
  );

test("nothing of a protected passage is in the recording, and all around it is", { timeout: 60_000 }, async () => {
  const { promise: finished, resolve: onFinished } = Promise.withResolvers<RawRecording>();
  const { promise: lent, resolve: onLeg } = Promise.withResolvers<Leg>();
  const recordings: RecordingStore = {
    policy: { mode: "agent", consent: "none", spool },
    pathOf: ({ startedEpochSeconds, call }) => join(spool, `${startedEpochSeconds}-${call}.wav`),
    finished: onFinished,
    sweep: () => {},
  };
  const engine = createFreeswitch(pbx.options, { clock: systemClock, log: silentLog, recordings });
  const stop = new AbortController();
  const running = engine.run(async (leg) => {
    onLeg(leg);
    await speakForEver(await leg.openMedia(), leg.signal);
  }, stop.signal);
  while (engine.health.state !== "connected") await systemClock.sleep(10);
  const caller = await pbx.placeCall({});
  const { recording, signal } = await lent;
  const path = recording?.path ?? "";
  const wait = (ms: number): Promise<void> => systemClock.sleep(ms, signal);

  caller.line.say(OPEN_HZ, 60_000);
  await wait(2000);
  const askedMs = systemClock.now();
  await recording?.pause();
  caller.line.say(SECRET_HZ, 60_000);
  const pausedMs = systemClock.now();
  await wait(PASSAGE_MS);
  caller.line.say(OPEN_HZ, 60_000);
  // What was said last is still on its way.
  await wait(200);
  const resumedMs = systemClock.now();
  await recording?.resume();
  await wait(2000);
  caller.hangUp();
  const raw = await finished;
  stop.abort();
  await running;

  const { channels } = readWav(await readFile(recordings.pathOf(raw)));
  const [theirs, ours] = channels.map(windows);
  expect(path).toBe(recordings.pathOf(raw));
  const secret = theirs?.filter((pcm) => share(pcm, SECRET_HZ) > 0.3 && level(pcm) > 100).length ?? 0;
  const masked = theirs?.filter((pcm) => level(pcm) < 1).length ?? 0;
  const first = theirs?.findIndex((pcm) => share(pcm, OPEN_HZ) > 0.5) ?? 0;
  const last = theirs?.findLastIndex((pcm) => share(pcm, OPEN_HZ) > 0.5) ?? 0;
  const gap = theirs?.findIndex((pcm, index) => index > first + 10 && level(pcm) < 1) ?? 0;
  if (process.env.SIDETONE_FIGURES)
    process.stdout.write(
      `asked to paused ${Math.round(pausedMs - askedMs)} ms, ${secret * 20} ms of the passage recorded; masked ${masked * 20} ms of ${Math.round(resumedMs - pausedMs)}; ${(gap - first) * 20} ms before it of ${Math.round(pausedMs - askedMs) + 2000}, up to ${(last - first) * 20}\n`,
    );
  expect(secret).toBe(0);
  expect(Math.abs(masked * 20 - (resumedMs - pausedMs))).toBeLessThan(300);
  expect(Math.abs((gap - first) * 20 - 2000)).toBeLessThan(300);
  // Both sides are silent at the same time, and both are there before and after.
  expect(ours?.slice(gap + 10, gap + 90).every((pcm) => level(pcm) < 1)).toBe(true);
  expect([ours?.[gap - 20], ours?.[last - 20]].every((pcm) => pcm && level(pcm) > 1000)).toBe(true);
});
