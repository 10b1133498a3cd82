import { chmodSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Peer } from "../server/peers.ts";
import { type Server, type ServerOptions, startServer, type WorkerSummary } from "../server/server.ts";
import type { SiblingState } from "../supervisor/protocol.ts";
import type { Crew } from "./crew.ts";

const NAME = /^worker-(\d+)\.sock$/;
const socketOf = (dir: string, pid: number): string => join(dir, `worker-${pid}.sock`);

/** How whoever has the port finds the other workers. */
export function peersOf({ siblings, slot, dir }: { siblings: Crew; slot: number; dir: string }): {
  peers: () => readonly Peer[];
  workers: () => readonly WorkerSummary[];
} {
  const summary = ({ slot, ...rest }: SiblingState): WorkerSummary => ({ worker: slot, ...rest });
  return {
    peers: () => siblings.others.map(({ pid }) => ({ socketPath: socketOf(dir, pid) })),
    workers: () => [{ worker: slot, ...siblings.own }, ...siblings.others.map(summary)],
  };
}

/** This worker's calls and figures, for the one that has the port. Without it they are missing there, and nothing else is. */
export async function openPrivately(options: ServerOptions, dir: string, log: Log): Promise<Server | undefined> {
  const { peers: _peers, workers: _workers, ...own } = options;
  const path = socketOf(dir, process.pid);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    removeDead(dir);
    const server = await startServer({ ...own, at: { path } });
    chmodSync(path, 0o600);
    return server;
  } catch (error) {
    log.warn({ path, reason: messageOf(error) }, "this worker's figures are not shown with those of the others");
    return undefined;
  }
}

/** What killed workers have left behind. */
function removeDead(dir: string): void {
  for (const name of readdirSync(dir)) {
    const pid = Number(NAME.exec(name)?.[1] ?? 0);
    if (pid > 0 && (pid === process.pid || !isThere(pid))) rmSync(join(dir, name), { force: true });
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
