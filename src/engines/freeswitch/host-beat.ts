import type { Clock } from "../../base/clock.ts";
import { codeOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { isLoopback } from "../loopback.ts";
import type { EslConnection } from "./esl/connection.ts";
import { GLOBAL } from "./variables.ts";

const BEAT_MS = 250;
/** FreeSWITCH's clock has whole seconds: what is said holds for one to two of them. */
const HOLDS_S = 2;
const ANSWER_MS = 1000;
/** No name of a host, and so none that the dialplan could have. */
const WILDCARD = /^(?:0\.0\.0\.0|::|\[::\])$/;

export interface HostBeatOptions {
  /** Where FreeSWITCH connects with lent calls, as it stands in the dialplan's `sidetone_socket`. */
  readonly lend: { readonly host: string; readonly port: number };
  /** Undefined while there is none. */
  readonly connection: () => EslConnection | undefined;
  /** Whether new calls are welcome here. */
  readonly wanted: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * By it the dialplan knows that somebody is there on another host. One that is dead, or whose cable is cut, refuses nothing, and
 * FreeSWITCH's `socket` waits for it for as long as the kernel does: so it is not even tried. On this host nobody needs it.
 */
export class HostBeat {
  readonly #options: HostBeatOptions;

  constructor(options: HostBeatOptions) {
    this.#options = options;
  }

  /** Beats four times a second until the signal aborts. Never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { lend, connection, wanted, clock, log } = this.#options;
    if (isLoopback(lend.host)) return;
    if (WILDCARD.test(lend.host)) {
      const what =
        "the dialplan cannot be told that this host is there: set engines.freeswitch.lend.host to its address";
      return log.warn({ host: lend.host }, what);
    }
    let refused = false;
    while (!signal.aborted) {
      const now = connection();
      if (now && wanted())
        await this.#beat(now).catch((error: unknown) => {
          if (codeOf(error) !== "refused" || refused) return;
          refused = true;
          log.warn({ err: error }, "the dialplan cannot be told that this host is there");
        });
      await clock.sleep(BEAT_MS, signal).catch(() => {});
    }
  }

  /** FreeSWITCH's clock and ours may differ, and either may jump: so it is asked each time. What a slow line brings late is over by then. */
  async #beat(connection: EslConnection): Promise<void> {
    const { host, port } = this.#options.lend;
    const epoch = Number((await connection.api("strepoch", ANSWER_MS)).trim());
    if (!Number.isSafeInteger(epoch) || !this.#options.wanted()) return;
    await connection.api(`global_setvar ${GLOBAL.until}_${host}_${port}=${epoch + HOLDS_S}`, ANSWER_MS);
  }
}
