import { systemClock } from "../src/base/clock.ts";
import { agents } from "./agents.ts";
import { stages } from "./engines/index.ts";
import type { PbxStage, StageOptions } from "./engines/stage.ts";
import { loadNow, type Machine, machineOf, versionsOf } from "./machine.ts";
import { type Bench, ENOUGH_TRIALS, forEngine, type Metric, type Scenario } from "./metric.ts";
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
      stage ??= setStage(engine, { signal, progress, undo, prefix });
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
  for (const [scenario, wanted] of byScenario(metrics)) {
    progress(`${scenario.name}: ${wanted.map(({ name }) => name).join(", ")}`);
    try {
      await using own = new AsyncDisposableStack();
      const findings = await scenario.run(bench(own));
      const found = resultsOf(wanted, findings, { figures: trials >= ENOUGH_TRIALS });
      results.push(...found);
      notes.push(...(findings.notes ?? []).map((note) => `${scenario.name}: ${note}`));
      const missing = wanted.filter((metric) => !found.some((result) => result.metric === metric));
      failures.push(...missing.map(({ name }) => `${name} was not measured`));
    } catch (error) {
      // Whoever stops it is told what was measured until then.
      if (signal.aborted) break;
      failures.push(`${scenario.name} failed: ${error instanceof Error ? error.message : String(error)}`);
    }
    if (signal.aborted) break;
  }
  const version = await stage?.then(
    (set) => set.version,
    () => undefined,
  );
  const pbx = version === undefined ? undefined : { name: engine, version };
  const machine = machineOf({ before, after: loadNow() });
  return { machine, versions: versionsOf(pbx), results, notes, failures };
}

function byScenario(metrics: readonly Metric[]): Map<Scenario, Metric[]> {
  const groups = new Map<Scenario, Metric[]>();
  for (const metric of metrics) groups.set(metric.scenario, [...(groups.get(metric.scenario) ?? []), metric]);
  return groups;
}

async function setStage(
  engine: string,
  parts: Pick<StageOptions, "signal" | "progress" | "undo" | "prefix">,
): Promise<PbxStage> {
  const set = stages[engine];
  if (!set) throw new Error(`there is no stage for "${engine}"`);
  const { settings: providers } = await startProviders(parts);
  return await set({ ...parts, clock: systemClock, settings: { providers }, agents, env: INSPECTABLE });
}
