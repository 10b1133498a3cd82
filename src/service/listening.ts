import type { Clock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Server, type ServerOptions, startServer } from "../server/server.ts";

/** A worker whose supervisor died hands its port over in a moment: a few tries belong to an ordinary start. */
const TRIES = 8;
const RETRY_MS = 250;
const LATER_MS = 5000;
/** Another worker that has the port may die at any moment. */
const SIBLING_LATER_MS = 500;

export interface Listening {
  readonly url: string | undefined;
  /** Releases the port, and asks for it no more. May be called twice. */
  close(): Promise<void>;
}

interface ListeningOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** A taken port keeps nobody from answering calls: it is asked for again and again. Otherwise the OutsideError is thrown. */
  readonly canWait: boolean;
  /** Whether another worker of this service has it, or may have. */
  readonly shared: () => boolean;
}

export async function listen(options: ServerOptions, listening: ListeningOptions): Promise<Listening> {
  const { clock, log, canWait, shared } = listening;
  const abort = new AbortController();
  let server = await tryListen(options, { clock, tries: canWait ? 1 : TRIES, canWait });
  let later: Promise<void> | undefined;
  if (!server) {
    if (shared()) log.info({ at: options.at }, "another worker has the API's port");
    else
      log.error(
        { at: options.at },
        "the API's port is taken; calls are answered all the same, and the port is tried again",
      );
    later = listenLater();
  }
  async function listenLater(): Promise<void> {
    while (!abort.signal.aborted && !server) {
      await clock.sleep(shared() ? SIBLING_LATER_MS : LATER_MS, abort.signal).catch(() => undefined);
      if (!abort.signal.aborted) server = await tryListen(options, { clock, tries: 1, canWait: true });
    }
  }
  return {
    get url() {
      return server?.url;
    },
    async close() {
      abort.abort();
      await later;
      await server?.close();
    },
  };
}

async function tryListen(
  options: ServerOptions,
  { clock, tries, canWait }: { clock: Clock; tries: number; canWait: boolean },
): Promise<Server | undefined> {
  for (let tried = 1; ; tried++) {
    try {
      return await startServer(options);
    } catch (error) {
      if (codeOf(error) !== "EADDRINUSE") throw error;
      if (tried >= tries) {
        if (canWait) return undefined;
        throw error;
      }
      await clock.sleep(RETRY_MS);
    }
  }
}
