import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { createFreeswitch } from "../../../src/engines/freeswitch/engine.ts";
import { freeswitchOptions } from "../../../src/engines/freeswitch/options.ts";
import { Lifeline } from "../../../src/supervisor/lifeline.ts";
import { speakForEver } from "./speaker.ts";

// A worker with the real engine and nothing above it, to be killed and stopped: an endless tone to whoever is lent to it.
// Under a supervisor its heart beats; without one it says on its output that it is up.
const stop = new AbortController();
const engine = createFreeswitch(freeswitchOptions.parse(JSON.parse(process.argv[2] ?? "{}")), {
  clock: systemClock,
  log: silentLog,
});
const lifeline = process.send
  ? new Lifeline({
      clock: systemClock,
      heartbeatMs: Number(process.env.SIDETONE_HEARTBEAT_MS ?? 100),
      channel: process,
      // One without calls is given longer while it is young.
      calls: () => 1,
      memoryMb: () => 100,
      onWish: () => stop.abort(),
      onOrphaned: () => stop.abort(),
    })
  : undefined;
const looking = systemClock.every(10, () => {
  if (engine.health.state !== "connected") return;
  looking.cancel();
  if (lifeline) lifeline.ready();
  else process.stdout.write("up\n");
});

await engine.run(async (leg) => speakForEver(await leg.openMedia(), leg.signal), stop.signal);
