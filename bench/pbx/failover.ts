import { codeOf } from "../../src/base/errors.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import type { PbxStage } from "../engines/stage.ts";
import type { Bench, Findings, Scenario } from "../metric.ts";
import { answeredMs, inCall, latenessOf, step } from "./call.ts";

const KILLS = 50;
const SPEAKING_MS = 400;
const MENU_WITHIN_MS = 5000;
const HEARD_BY_MS = { figure: 2600, tryOut: 1200 };
const STALLS = { figure: 3, tryOut: 1 };
const REDIALS = 3;
/** A worker that has just started is busy, and so is the machine: those that die in the field have been up for longer. */
const SETTLED_MS = 3000;
const STALL_MS = 350;

interface Fault {
  /** Undefined: the menu was not heard within 5 s. */
  readonly menuMs: number | undefined;
  readonly lost: boolean;
  readonly lateMs: readonly number[];
}

interface Harm {
  readonly by: NodeJS.Signals;
  readonly before?: (pid: number, leg: CallLeg) => Promise<void>;
}

/** As `hurtOnce`, and dials again where another worker had come before the signal: at most so often. */
async function hurt(stage: PbxStage, bench: Bench, harm: Harm): Promise<Fault> {
  for (let redials = 0; redials <= REDIALS; redials += 1) {
    const fault = await hurtOnce(stage, bench, harm);
    if (fault) return fault;
    bench.progress("the worker had gone before it was hurt: one more call");
  }
  throw new Error(`${REDIALS + 1} calls in a row lost their worker before it was hurt`);
}

/**
 * One call whose agent is speaking when its worker gets the signal; then the menu is waited for, by its sound. Undefined: the worker
 * that answered was not there any more by then, so it is none of this bench's deaths.
 */
async function hurtOnce(
  { service, phone, menu }: PbxStage,
  { clock, signal, smoke }: Bench,
  { by, before }: Harm,
): Promise<Fault | undefined> {
  await service.ready(step(signal));
  if (!smoke) await clock.sleep(SETTLED_MS, signal);
  const pid = await service.workerPid();
  return await inCall(phone, { signal }, async (leg) => {
    await leg.heard.soundFor({ ms: SPEAKING_MS, sinceMs: answeredMs(leg), signal: step(signal) });
    let sinceMs = 0;
    try {
      await before?.(pid, leg);
      if ((await service.workerPid().catch(() => 0)) !== pid) return undefined;
      sinceMs = clock.now();
      process.kill(pid, by);
    } catch (error) {
      if (codeOf(error) === "ESRCH") return undefined;
      throw error;
    }
    // To look for the sound is work, during which packets wait: so it is looked for when it has been heard.
    await clock.sleep(smoke ? HEARD_BY_MS.tryOut : HEARD_BY_MS.figure, signal);
    const found = await heardSound(leg, { sound: menu, sinceMs, withinMs: MENU_WITHIN_MS, clock, signal });
    // Before it the call was set up, and afterwards another worker starts, on all cores there are: neither is in the figure.
    const lateMs = latenessOf(leg, { sinceMs, untilMs: found ?? Number.POSITIVE_INFINITY });
    const lost = leg.signal.aborted || found === undefined;
    return { menuMs: found === undefined ? undefined : found - sinceMs, lost, lateMs };
  });
}

const msOf = (faults: readonly Fault[]): number[] => faults.flatMap(({ menuMs }) => menuMs ?? []);
const lateOf = (faults: readonly Fault[]): number[] => faults.flatMap(({ lateMs }) => lateMs);

/** SIGKILL in mid-sentence, again and again: how soon the menu speaks, and whether anybody lost the call. */
export const kills: Scenario = {
  name: "kills",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    const faults: Fault[] = [];
    // The time alone needs no more kills than any other figure.
    const count = bench.smoke || !bench.wants("calls_lost") ? bench.trials : Math.max(bench.trials, KILLS);
    while (faults.length < count) faults.push(await hurt(stage, bench, { by: "SIGKILL" }));
    return {
      samples: { failover_kill_ms: msOf(faults) },
      values: { calls_lost: faults.filter(({ lost }) => lost).length },
      notes: [`${count} kills; a call counts as lost when it ended or its caller did not hear the menu within 5 s`],
      lateMs: lateOf(faults),
    };
  },
};

/** A worker that stands still, after three stalls that are none of the supervisor's business. */
export const hangs: Scenario = {
  name: "hangs",
  alone: true,
  async run(bench): Promise<Findings> {
    const stage = await bench.stage();
    const { clock, signal, smoke } = bench;
    const faults: Fault[] = [];
    let triggered = 0;
    const stall = async (pid: number, leg: CallLeg): Promise<void> => {
      for (let stalls = 0; stalls < (smoke ? STALLS.tryOut : STALLS.figure); stalls += 1) {
        process.kill(pid, "SIGSTOP");
        await clock.sleep(STALL_MS, signal);
        process.kill(pid, "SIGCONT");
        await clock.sleep(STALL_MS, signal);
      }
      const same = (await stage.service.workerPid().catch(() => 0)) === pid;
      if (!same || leg.signal.aborted) triggered += 1;
    };
    while (faults.length < bench.trials) {
      // Stalls cost two seconds a trial: every third call shows that they trigger nothing.
      const before = faults.length % 3 === 0 ? { before: stall } : {};
      faults.push(await hurt(stage, bench, { by: "SIGSTOP", ...before }));
    }
    return {
      samples: { failover_hang_ms: msOf(faults) },
      values: { stalls_triggered: triggered },
      notes: [`${Math.ceil(faults.length / 3)} of ${faults.length} calls had three stalls of ${STALL_MS} ms first`],
      lateMs: lateOf(faults),
    };
  },
};
