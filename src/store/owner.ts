import { readFileSync } from "node:fs";
import { codeOf } from "../base/errors.ts";

/**
 * Whose an open record is: "pid.start", the start as the kernel counts it, because numbers of processes are used again.
 * Without /proc it is the number alone.
 */
export const ownerOf = (pid: number): string => `${pid}.${startOf(pid) ?? ""}`;

/**
 * Whether the process that a record belongs to still runs. One of our user that lives, and whose start we may not see, is taken for
 * that one: under systemd's `PrivateUsers=` with `ProtectProc=` those of the service's earlier life are like that.
 */
export function isOwnerAlive(owner: string): boolean {
  const pid = Number.parseInt(owner, 10);
  if (!Number.isInteger(pid) || pid <= 0) return false;
  let ours = true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // One that we may not signal is there all the same.
    if (codeOf(error) !== "EPERM") return false;
    ours = false;
  }
  return (ours && startOf(pid) === undefined) || owner === ownerOf(pid);
}

function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The program's name, in brackets, may hold anything; what follows it does not. A zombie runs no more.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? "dead" : fields[19];
  } catch {
    // Another kind of system, or a process that ended in this moment: `kill` has said which.
    return undefined;
  }
}
