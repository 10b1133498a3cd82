import { readFileSync } from "node:fs";

/**
 * How long a process's first thread has been ready to run and had no processor, in ms since its start (Linux: proc(5), schedstat).
 * That thread is the one that turns the event loop. 0 where the kernel does not tell, and for a process that is gone.
 */
export function starvedMs(pid: number | undefined): number {
  if (pid === undefined) return 0;
  try {
    const [, waitedNs] = readFileSync(`/proc/${pid}/task/${pid}/schedstat`, "latin1").split(" ");
    return Number(waitedNs ?? 0) / 1e6;
  } catch {
    return 0;
  }
}
