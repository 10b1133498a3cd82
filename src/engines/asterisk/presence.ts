import { randomBytes } from "node:crypto";
import { WebSocket } from "ws";
import { createBackoff } from "../../base/backoff.ts";
import type { Clock } from "../../base/clock.ts";
import { isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { AmiClient } from "./ami.ts";
import type { AriClient } from "./ari.ts";
import { beat } from "./pulse.ts";

export interface PresenceOptions {
  readonly ari: Pick<AriClient, "request" | "variable">;
  readonly ami: Pick<AmiClient, "setVariable">;
  /** Asterisk's HTTP server, as in the options. */
  readonly url: string;
  /** Whether the dialplan is to listen for this worker. */
  readonly pulse: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

const OPEN_MS = 2000;
// As long as it is missing, the calls of a worker that dies go to the menu although this one is up.
const AGAIN_MS = { minMs: 250, maxMs: 2000 };
const MAX_MESSAGE_BYTES = 64 * 1024;

/**
 * One channel in the dialplan's `sidetone-presence`, for as long as this worker takes calls. It is gone in the moment in which
 * the worker is: the dialplan offers a dead worker's call once more only while another one has its own there. A line that is
 * cut says nothing to Asterisk, for many seconds: so the dialplan listens for this worker's pulse there, and takes back the
 * calls that it has when there is none.
 */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #over = new AbortController();
  /** The media channels that this worker has. */
  readonly #held = new Set<string>();
  /** This worker's channel, while it is shown. */
  #channel: string | undefined;

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

  /** This worker has the call of this media channel, until that is closed. */
  holds(media: string, closed: Promise<void>): void {
    if (media === "") return;
    this.#held.add(media);
    void closed.then(() => this.#held.delete(media));
    this.#tell(media);
  }

  /** This worker takes no more calls. */
  drop(): void {
    this.#over.abort();
  }

  async #once(signal: AbortSignal, shown: () => void): Promise<void> {
    const { ari, ami, url, clock, pulse: listens } = this.#options;
    const channelId = `sidetone-presence-${randomBytes(6).toString("hex")}`;
    const shape = {
      ...{ endpoint: "WebSocket/INCOMING/c(slin)f(json)", channelId, timeout: "5" },
      ...{ context: "sidetone-presence", extension: "s", priority: "1" },
    };
    // Workers of an older version have no pulse either: the dialplan listens where it is told to.
    await ari.request("POST", "channels", shape, listens ? { variables: { SIDETONE_PULSE: "1" } } : undefined);
    const id = await ari.variable("MEDIA_WEBSOCKET_CONNECTION_ID", channelId);
    const closed = Promise.withResolvers<void>();
    const options = { perMessageDeflate: false, maxPayload: MAX_MESSAGE_BYTES };
    const socket = new WebSocket(`${url.replace(/\/+$/, "")}/media/${encodeURIComponent(id)}`, ["media"], options);
    const pulse = new AbortController();
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
      if (listens) void beat(channelId, { ami, clock, signal: pulse.signal });
      this.#channel = channelId;
      for (const media of this.#held) this.#tell(media);
      shown();
      await closed.promise;
    } finally {
      pulse.abort();
      this.#channel = undefined;
      signal.removeEventListener("abort", end);
      socket.terminate();
    }
  }

  /** Who has it: whatever has no name there is not taken back. */
  #tell(media: string): void {
    const { ami, log } = this.#options;
    if (this.#channel === undefined || !this.#options.pulse) return;
    ami.setVariable(media, "SIDETONE_HOLDER", this.#channel).catch((error: unknown) => {
      log.debug({ reason: messageOf(error) }, "a media channel does not know its worker");
    });
  }
}
