import { setImmediate } from "node:timers/promises";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Leg } from "../../src/call/engine.ts";
import { createFreeswitch } from "../../src/engines/freeswitch/engine.ts";
import { freeswitchOptions } from "../../src/engines/freeswitch/options.ts";

// A worker that is nothing but the engine: takes every lent call and speaks without a pause, by the options in its first argument.
const engine = createFreeswitch(freeswitchOptions.parse(JSON.parse(process.argv[2] ?? "{}")), {
  clock: systemClock,
  log: silentLog,
});
const over = new AbortController();
process.once("SIGTERM", () => over.abort());

async function speak(leg: Leg): Promise<void> {
  const media = await leg.openMedia();
  const samples = media.rate / 50;
  // 400 Hz: the same sound in every frame, so that none has to be made.
  const pcm = Int16Array.from({ length: samples }, (_, at) => 8000 * Math.sin((2 * Math.PI * 8 * at) / samples));
  let frames = 0;
  media.onFrame(() => {
    frames += 1;
  });
  while (!leg.signal.aborted) {
    if (media.write({ pcm, rate: media.rate })) continue;
    await media.room(leg.signal).catch(() => undefined);
    await setImmediate();
  }
  process.stdout.write(`heard ${frames}\n`);
}

await engine.run(speak, over.signal);
