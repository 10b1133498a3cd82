import type { Clock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Siblings } from "../../call/siblings.ts";
import type { AriClient } from "./ari.ts";

const VARIABLE = "SIDETONE_BEAT";
const BEAT_MS = 500;

export interface HeartbeatOptions {
  readonly ari: Pick<AriClient, "variable" | "setGlobal" | "drop" | "connected">;
  readonly siblings: Siblings | undefined;
  /** Whether new calls are welcome here. */
  readonly wanted: () => boolean;
  /** Whether all of Asterisk can be reached that a call needs. */
  readonly reached: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/** By it the dialplan knows that somebody takes calls: the time of the last beat, in a global variable of Asterisk's. */
export class Heartbeat {
  readonly #options: HeartbeatOptions;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Beats twice a second, until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, reached, wanted } = this.#options;
    while (!signal.aborted) {
      if (reached() && wanted()) await this.beat();
      await clock.sleep(BEAT_MS, signal).catch(() => {});
    }
  }

  async beat(): Promise<void> {
    const { ari, wanted, log } = this.#options;
    try {
      // Asterisk's clock and ours may differ, and either may jump: so it is asked each time.
      const epoch = await ari.variable("EPOCH");
      if (/^\d+$/.test(epoch) && wanted()) await ari.setGlobal(VARIABLE, epoch);
    } catch (error) {
      if (codeOf(error) === "timeout") ari.drop("Asterisk's ARI has stopped to answer.");
      log.debug({ err: error }, "a heartbeat was not taken");
    }
  }

  /** As long as another worker takes calls, the dialplan is to lend them. */
  async stop(): Promise<void> {
    const { ari, siblings, log } = this.#options;
    if (!ari.connected || siblings?.othersTake) return;
    await ari.setGlobal(VARIABLE, "0").catch((error: unknown) => {
      log.warn({ err: error }, "the heartbeat could not be stopped; the dialplan notices within two seconds");
    });
  }

  /** Nobody's heart beats, as far as the dialplan knows. */
  async isStopped(): Promise<boolean> {
    return (await this.#options.ari.variable(VARIABLE)) === "0";
  }
}
