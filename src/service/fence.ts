import { createHash } from "node:crypto";
import { createServer } from "node:net";
import type { Clock } from "../base/clock.ts";
import { codeOf } from "../base/errors.ts";

/** An offer is over by then; its name never comes again. */
const KEEP_MS = 10_000;

/**
 * Which worker connects to an offered call: the one that has the offer's name among the kernel's sockets (the abstract ones, which
 * are no files). No disk is asked, nothing is left behind by a worker that dies, and no two have it. The PBX alone does not
 * decide it: two that come in the same millisecond have both been let in. Where there are no such sockets, it has to.
 */
export function claimOffer(offer: string, clock: Clock): Promise<boolean> {
  const name = createHash("sha256").update(offer).digest("hex").slice(0, 40);
  const server = createServer((socket) => socket.destroy());
  return new Promise((resolve) => {
    server.once("error", (error) => resolve(codeOf(error) !== "EADDRINUSE"));
    server.listen({ path: `\0sidetone-offer-${name}` }, () => {
      server.unref();
      clock.after(KEEP_MS, () => void server.close());
      resolve(true);
    });
  });
}
