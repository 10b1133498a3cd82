import type { ServerResponse } from "node:http";
import type { Clock } from "../base/clock.ts";
import type { LiveCalls } from "./live.ts";

/** Readers at the same time; each costs a little at every word of every call. */
const READERS_MAX = 20;
/** A reader that has so much unread does not read: it is dropped, and may come again. */
const UNREAD_MAX_BYTES = 256 * 1024;
const PING_MS = 15_000;

export interface EventStreams {
  /** False: there are enough readers already. */
  open(response: ServerResponse): boolean;
  close(): void;
}

/** Server-sent events of all calls: `event: turn`, `data: {…}`. A slow reader is dropped, and never slows a call. */
export function createEventStreams({
  live,
  clock,
}: {
  live: Pick<LiveCalls, "subscribe">;
  clock: Clock;
}): EventStreams {
  const readers = new Set<() => void>();
  return {
    open(response) {
      if (readers.size >= READERS_MAX) return false;
      response.writeHead(200, {
        "content-type": "text/event-stream",
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      });
      const send = (text: string): void => {
        response.write(text);
        if (response.writableLength > UNREAD_MAX_BYTES) response.destroy();
      };
      send(": sidetone\n\n");
      const ping = clock.every(PING_MS, () => send(": ping\n\n"));
      const unsubscribe = live.subscribe((event) => send(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`));
      const end = (): void => {
        ping.cancel();
        unsubscribe();
        readers.delete(end);
        response.end();
      };
      readers.add(end);
      response.on("close", end);
      // A reader that goes away in the middle of a word is no error; `close` follows.
      response.on("error", end);
      return true;
    },
    close() {
      for (const end of [...readers]) end();
    },
  };
}
