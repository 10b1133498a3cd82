import { connect } from "node:net";
import { dirname } from "node:path";
import type { Clock } from "../base/clock.ts";
import { isOursAlone } from "./adoption.ts";
import { Link } from "./link.ts";

const KNOCK_MS = 200;

/** For a worker whose supervisor has died: the line to the next one, as soon as it is there. Rejects when the signal aborts. */
export async function nextSupervisor(
  path: string,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<Link> {
  for (;;) {
    const link = isOursAlone(dirname(path)) ? await knock(path) : undefined;
    signal.throwIfAborted();
    if (link) return link;
    await clock.sleep(KNOCK_MS, signal);
  }
}

function knock(path: string): Promise<Link | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const failed = (): void => {
      socket.destroy();
      resolve(undefined);
    };
    socket.once("error", failed);
    socket.once("connect", () => {
      socket.off("error", failed);
      resolve(new Link(socket));
    });
  });
}
