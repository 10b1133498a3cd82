import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";

const FIRST_MS = 60_000;
const EVERY_MS = 3_600_000;
/** Further than this from where it was, and it has jumped: corrections by NTP are smaller. */
const JUMP_MS = 600_000;
/** So long a clock must be left alone before what it calls old is removed for ever. */
const DOUBT_MS = 86_400_000;

/**
 * Runs `expire` a minute after the start, and every hour. Not within a day of a jump of the machine's clock: one that is
 * put a year ahead by mistake must not cost the records of a year.
 */
export function expireRegularly({ clock, log }: { clock: Clock; log: Log }, expire: () => void): Timer {
  let apartMs = clock.wall() - clock.now();
  let jumpedMs: number | undefined;
  const look = (): void => {
    const jumpMs = clock.wall() - clock.now() - apartMs;
    if (Math.abs(jumpMs) > JUMP_MS) {
      apartMs += jumpMs;
      jumpedMs = clock.now();
      log.warn(
        { jumpSeconds: Math.round(jumpMs / 1000) },
        "this machine's clock has jumped: no old record is removed for a day",
      );
    }
    if (jumpedMs === undefined || clock.now() - jumpedMs >= DOUBT_MS) expire();
  };
  const timers = [clock.after(FIRST_MS, look), clock.every(EVERY_MS, look)];
  return {
    cancel() {
      for (const timer of timers) timer.cancel();
    },
  };
}
