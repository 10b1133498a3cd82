import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { messageOf, OutsideError } from "../../base/errors.ts";
import type { WorkerSummary } from "../../server/server.ts";
import { diskIsShared, fillDisk } from "./disk.ts";
import { busyProcesses, isUnit, serviceProcess, supervisorOf } from "./processes.ts";

/** Where a fault strikes. */
export interface Field {
  /** The workers that are up, with how many calls each has. */
  readonly workers: readonly WorkerSummary[];
  readonly stateDir: string;
  /** What the administrator allows to be done to the PBX. */
  readonly pbx?: (() => Promise<unknown>) | undefined;
  /** Starts the supervisor again where nobody else would. */
  readonly restart?: (() => Promise<void>) | undefined;
}

/** A connection that can be cut without a word, and made whole again. */
export interface Cable {
  readonly name: string;
  cut(): Promise<unknown>;
  heal(): Promise<unknown>;
}

export interface Fault {
  readonly name: string;
  /** One that reaches no call has shown nothing. */
  readonly mustHit: boolean;
  /** Why it cannot be tried here; undefined: it can. */
  impossible?(field: Field): string | undefined;
  /** Returns how it is undone. */
  strike(field: Field): (() => Promise<unknown>) | Promise<() => Promise<unknown>>;
}

/** So long the processors are busy. */
const SLOW_MS = 4000;

const nothing = async (): Promise<void> => {};

/** The one with the most calls: its death is the worst. */
const busiest = ({ workers }: Field): WorkerSummary | undefined => workers.toSorted((a, b) => b.calls - a.calls)[0];

function signalAll(workers: readonly WorkerSummary[], name: NodeJS.Signals): () => Promise<void> {
  const found = workers.map(({ pid }) => serviceProcess(pid, "worker"));
  for (const worker of found) worker.signal(name);
  // One that the supervisor has not killed goes on.
  return name === "SIGSTOP" ? async () => void found.map((worker) => worker.signal("SIGCONT")) : nothing;
}

const one = (field: Field): readonly WorkerSummary[] => [busiest(field)].filter((worker) => worker !== undefined);

/** Everything that needs no root, in this order. */
export const FAULTS: readonly Fault[] = [
  { name: "kill", mustHit: true, strike: (field) => signalAll(one(field), "SIGKILL") },
  { name: "stop", mustHit: true, strike: (field) => signalAll(one(field), "SIGSTOP") },
  { name: "all workers", mustHit: true, strike: ({ workers }) => signalAll(workers, "SIGKILL") },
  { name: "supervisor", mustHit: false, impossible: supervisorIsSafe, strike: killSupervisor },
  {
    name: "slow",
    mustHit: false,
    strike() {
      const busy = busyProcesses(SLOW_MS);
      return () => busy.stop();
    },
  },
  {
    name: "memory",
    mustHit: false,
    impossible: ({ workers }) => (workers.length > 0 ? undefined : "no worker is up"),
    strike: (field) => starve(one(field)),
  },
  {
    name: "disk full",
    mustHit: false,
    impossible: ({ stateDir }) => diskIsShared(stateDir),
    strike: ({ stateDir }) => fillDisk(stateDir),
  },
  {
    name: "pbx command",
    mustHit: false,
    impossible: ({ pbx }) => (pbx ? undefined : "--pbx-command does not say what may be done to the PBX"),
    strike({ pbx = nothing }) {
      const done = pbx();
      // Who waits for it in the end is told of a failure then.
      done.catch(() => {});
      return () => done;
    },
  },
];

/** What cuts a network. Nothing of the machine's own is touched: whoever names a cable says how. */
export const cutOf = ({ name, cut, heal }: Cable): Fault => ({
  name: `cut ${name}`,
  mustHit: false,
  async strike() {
    await cut();
    return heal;
  },
});

/** Where nobody has named one. */
export const NO_CUT: Fault = {
  name: "cut",
  mustHit: false,
  impossible: () => "--cut does not say how a network is cut here",
  strike: () => nothing,
};

const shell = promisify(execFile);

/** No more memory for these: what they have they keep, until they ask for more. */
async function starve(workers: readonly WorkerSummary[]): Promise<() => Promise<void>> {
  const limit = async (pid: number, bytes: string): Promise<void> => {
    await shell("prlimit", ["--pid", String(pid), `--as=${bytes}:`]);
  };
  const pids = workers.map(({ pid }) => serviceProcess(pid, "worker").pid);
  try {
    for (const pid of pids) await limit(pid, "1");
  } catch (error) {
    throw new OutsideError("NO_PRLIMIT", `prlimit (util-linux) does not limit a worker's memory: ${messageOf(error)}`);
  }
  // One that has died of it has no limit any more.
  return async () => void (await Promise.allSettled(pids.map((pid) => limit(pid, "unlimited"))));
}

function supervisorIsSafe({ workers, restart }: Field): string | undefined {
  const supervisor = supervisorOf(workers[0]?.pid ?? 0);
  if (!supervisor) return "the workers' parent is no supervisor, or on another machine";
  return restart || isUnit(supervisor.pid) ? undefined : "nobody would start it again: it is no unit of systemd";
}

function killSupervisor({ workers, restart }: Field): () => Promise<void> {
  supervisorOf(workers[0]?.pid ?? 0)?.signal("SIGKILL");
  return restart ?? nothing;
}
