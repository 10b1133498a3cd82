import { systemClock } from "../src/base/clock.ts";
import { messageOf } from "../src/base/errors.ts";
import { agents } from "./agents.ts";
import { stages } from "./engines/index.ts";
import type { PbxStage, StageOptions } from "./engines/stage.ts";
import { loadNow, type Machine, machineOf, versionsOf } from "./machine.ts";
import { type Bench, ENOUGH_TRIALS, type Findings, forEngine, type Metric, type Scenario } from "./metric.ts";
import { inParallel } from "./pbx/call.ts";
import { type Result, resultsOf } from "./result.ts";
import { type Bed, makeBed } from "./worker/bed.ts";
import { INSPECTABLE } from "./worker/inspector.ts";
import { startProviders } from "./worker/provided.ts";

export interface RunOptions {
  readonly metrics: readonly Metric[];
  readonly engine: string;
  /** Where that PBX is installed; undefined: where the machine has it. */
  readonly prefix?: string | undefined;
  readonly trials: number;
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface Report {
  readonly machine: Machine;
  readonly versions: Readonly<Record<string, string>>;
  readonly results: readonly Result[];
  readonly notes: readonly string[];
  /** Metrics that were asked for and not measured: a sentence each. */
  readonly failures: readonly string[];
}

const AT_ONCE = 4;
/** A worker is killed here again and again. */
const SUPERVISOR = { restartMaxMs: 250 };
/** And one that a busy machine gives no processor shall be waited for where nothing is measured. */
const CALM_SUPERVISOR = { ...SUPERVISOR, killAfterMs: 1500 };

/**
 * Runs every scenario that one of the metrics needs, one after the other. A scenario that fails costs its own metrics only; when
 * the signal aborts, what was measured until then is the report.
 */
export async function runBench({ engine, prefix, trials, signal, progress, ...asked }: RunOptions): Promise<Report> {
  const metrics = asked.metrics.map((metric) => forEngine(metric, engine));
  await using undo = new AsyncDisposableStack();
  let stage: Promise<PbxStage> | undefined;
  let bed: Promise<Bed> | undefined;
  const bench = (own: AsyncDisposableStack): Bench => ({
    clock: systemClock,
    signal,
    trials,
    smoke: trials < ENOUGH_TRIALS,
    progress,
    wants: (name) => metrics.some((metric) => metric.name === name),
    stage() {
      stage ??= setStage(engine, { signal, progress, undo, prefix, smoke: trials < ENOUGH_TRIALS });
      return stage;
    },
    bed() {
      bed ??= makeBed({ clock: systemClock, signal, progress, undo });
      return bed;
    },
    undo: own,
  });
  const before = loadNow();
  const [results, notes, failures]: [Result[], string[], string[]] = [[], [], []];
  const once = async (scenario: Scenario): Promise<Findings> => {
    await using own = new AsyncDisposableStack();
    return await scenario.run(bench(own));
  };
  // A try-out shows that everything runs, on a machine that may be busy: a caller who heard nothing in time calls once more.
  const findingsOf = (scenario: Scenario): Promise<Findings> => {
    if (trials >= ENOUGH_TRIALS) return once(scenario);
    return once(scenario).catch((error: unknown) => {
      if (signal.aborted) throw error;
      progress(`${scenario.name}, once more: ${messageOf(error)}`);
      return once(scenario);
    });
  };
  const measure = async (scenario: Scenario, wanted: readonly Metric[]): Promise<void> => {
    progress(`${scenario.name}: ${wanted.map(({ name }) => name).join(", ")}`);
    try {
      const findings = await findingsOf(scenario);
      const found = resultsOf(wanted, findings, { figures: trials >= ENOUGH_TRIALS });
      results.push(...found);
      notes.push(...(findings.notes ?? []).map((note) => `${scenario.name}: ${note}`));
      const missing = wanted.filter((metric) => !found.some((result) => result.metric === metric));
      failures.push(...missing.map(({ name }) => `${name} was not measured`));
    } catch (error) {
      // Whoever stops it is told what was measured until then.
      if (signal.aborted) return;
      failures.push(`${scenario.name} failed: ${messageOf(error)}`);
    }
  };
  const groups = [...byScenario(metrics)];
  // A try-out only shows that everything runs: what can, runs beside each other.
  const together = trials < ENOUGH_TRIALS ? groups.filter(([{ alone }]) => !alone) : [];
  await inParallel(together.length, AT_ONCE, async (index) => {
    const [scenario, wanted] = together[index] ?? [];
    if (scenario && wanted && !signal.aborted) await measure(scenario, wanted);
  });
  for (const [scenario, wanted] of groups.filter((group) => !together.includes(group))) {
    if (!signal.aborted) await measure(scenario, wanted);
  }
  const version = await stage?.then(
    (set) => set.version,
    () => undefined,
  );
  const pbx = version === undefined ? undefined : { name: engine, version };
  const machine = machineOf({ before, after: loadNow() });
  const order = ({ metric }: Result): number => metrics.indexOf(metric);
  results.sort((a, b) => order(a) - order(b));
  return { machine, versions: versionsOf(pbx), results, notes, failures };
}

function byScenario(metrics: readonly Metric[]): Map<Scenario, Metric[]> {
  const groups = new Map<Scenario, Metric[]>();
  for (const metric of metrics) groups.set(metric.scenario, [...(groups.get(metric.scenario) ?? []), metric]);
  return groups;
}

async function setStage(
  engine: string,
  { smoke, ...parts }: Pick<StageOptions, "signal" | "progress" | "undo" | "prefix"> & { readonly smoke: boolean },
): Promise<PbxStage> {
  const set = stages[engine];
  if (!set) throw new Error(`there is no stage for "${engine}"`);
  const { settings: providers } = await startProviders(parts);
  return await set({
    ...parts,
    clock: systemClock,
    settings: { providers, supervisor: smoke ? CALM_SUPERVISOR : SUPERVISOR },
    agents,
    env: INSPECTABLE,
  });
}
