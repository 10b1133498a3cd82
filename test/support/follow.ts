import { systemClock } from "../../src/base/clock.ts";
import type { DemoService } from "../../src/cli/demo/service.ts";
import type { LiveEvent } from "../../src/server/live.ts";

const AGAIN_MS = 50;

/** Tells what happens in a service's calls until the signal aborts; when its worker has died, what the next one says. Never rejects. */
export async function follow(
  { events }: Pick<DemoService, "events">,
  signal: AbortSignal,
  tell: (event: LiveEvent) => void,
): Promise<void> {
  while (!signal.aborted) {
    try {
      for await (const event of events(signal)) tell(event);
    } catch {
      // The next one is asked.
    }
    await systemClock.sleep(AGAIN_MS, signal).catch(() => undefined);
  }
}
