import { randomBytes } from "node:crypto";
import { WebSocket } from "ws";
import { createBackoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { AriClient } from "./ari.ts";

export interface PresenceOptions {
  readonly ari: Pick<AriClient, "request" | "variable">;
  /** Asterisk's HTTP server, as in the options. */
  readonly url: string;
  readonly clock: Clock;
  readonly log: Log;
}

const OPEN_MS = 2000;
// As long as it is missing, the calls of a worker that dies go to the menu although this one is up.
const AGAIN_MS = { minMs: 250, maxMs: 2000 };

/**
 * One channel in the dialplan's `sidetone-presence`, for as long as this worker takes calls. It is gone in the moment in which
 * the worker is: the dialplan offers a dead worker's call once more only while another one has its own there.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #over = new AbortController();

  constructor(options: PresenceOptions) {
    this.#options = options;
  }

  /** Holds it until the signal aborts or it is dropped, and comes back when Asterisk ends it. Never rejects. */
  async hold(connection: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    const signal = AbortSignal.any([connection, this.#over.signal]);
    const backoff = createBackoff(AGAIN_MS);
    while (!signal.aborted) {
      try {
        await this.#once(signal, () => backoff.reset());
      } catch (error) {
        if (isCancellation(error, signal)) return;
        log.warn({ reason: messageOf(error) }, "this worker's presence could not be shown; it is tried again");
      }
      await clock.sleep(backoff.next(), signal).catch(() => undefined);
    }
  }

  /** This worker takes no more calls. */
  drop(): void {
    this.#over.abort();
  }

  async #once(signal: AbortSignal, shown: () => void): Promise<void> {
    const { ari, url, clock } = this.#options;
    const channelId = `sidetone-presence-${randomBytes(6).toString("hex")}`;
    await ari.request("POST", "channels", {
      ...{ endpoint: "WebSocket/INCOMING/c(slin)f(json)", channelId, timeout: "5" },
      ...{ context: "sidetone-presence", extension: "s", priority: "1" },
    });
    const id = await ari.variable("MEDIA_WEBSOCKET_CONNECTION_ID", channelId);
    const closed = Promise.withResolvers<void>();
    const socket = new WebSocket(`${url.replace(/\/+$/, "")}/media/${encodeURIComponent(id)}`, ["media"]);
    const end = (): void => socket.terminate();
    try {
      signal.addEventListener("abort", end, { once: true });
      socket.on("close", () => closed.resolve());
      const opened = (): Promise<void> =>
        new Promise((resolve, reject) => {
          socket.once("open", resolve);
          socket.once("close", () => reject(new OutsideError("closed", "Asterisk closed the presence channel.")));
          socket.on("error", reject);
        });
      const message = `Asterisk did not take the presence channel in ${OPEN_MS} ms.`;
      await withDeadline(opened, { clock, ms: OPEN_MS, message, signal });
      shown();
      await closed.promise;
    } finally {
      signal.removeEventListener("abort", end);
      socket.terminate();
    }
  }
}
