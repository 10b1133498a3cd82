import type { Clock } from "../../base/clock.ts";
import { OutsideError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import type { LiveCall } from "../../server/live.ts";
import type { WorkerSummary } from "../../server/server.ts";
import { isOwnerAlive, ownerOf } from "../../store/owner.ts";
import { ask } from "../calls.ts";
import { CommandError } from "../exit.ts";

/** The service that runs, as it tells of itself. Everything rejects while it does not answer. */
export interface RunningService {
  workers(): Promise<readonly WorkerSummary[]>;
  calls(): Promise<readonly LiveCall[]>;
  /** All workers there should be. */
  readonly size: number;
  isAlive(pid: number): boolean;
}

const ANSWER_MS = 2000;
const LOOK_MS = 100;
const WHOLE_MS = 40_000;

export function runningService(config: Config): RunningService {
  const get = async (path: string): Promise<unknown> =>
    await (await ask(config, path, AbortSignal.timeout(ANSWER_MS))).json();
  return {
    size: config.workers,
    isAlive: (pid) => isOwnerAlive(ownerOf(pid)),
    async workers() {
      const { workers = [] } = (await get("/healthz")) as { workers?: WorkerSummary[] };
      return workers;
    },
    async calls() {
      const { calls } = (await get("/api/calls")) as { calls: LiveCall[] };
      return calls;
    },
  };
}

/** Throws a CommandError while calls are up that are not ours. */
export async function refuseWhileBusy(service: RunningService, allowed: boolean): Promise<void> {
  const { length } = await service.calls();
  if (length === 0 || allowed) return;
  const are = length === 1 ? "1 call is up" : `${length} calls are up`;
  throw new CommandError(
    `${are}: this would kill under real callers. Wait until there is none ("sidetone calls"), or say --while-calls-are-up.`,
  );
}

/** Waits until as many workers as configured are alive and take calls. */
export async function whole(
  service: RunningService,
  { clock, signal }: { clock: Clock; signal: AbortSignal },
): Promise<readonly WorkerSummary[]> {
  const deadline = clock.now() + WHOLE_MS;
  while (clock.now() < deadline) {
    const told = await service.workers().catch(() => []);
    // The others hear a moment later that one has died.
    const workers = told.filter(({ taking, pid }) => taking && service.isAlive(pid));
    if (workers.length >= service.size) return workers;
    await clock.sleep(LOOK_MS, signal);
  }
  throw new OutsideError(
    "NOT_WHOLE",
    `the service has not got its ${service.size} workers back within ${WHOLE_MS / 1000} s`,
  );
}
