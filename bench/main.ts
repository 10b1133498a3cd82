import { Command, InvalidArgumentError } from "commander";
import { Interrupt } from "../src/cli/interrupt.ts";
import { stages } from "./engines/index.ts";
import { ENOUGH_TRIALS, forEngine, type Metric } from "./metric.ts";
import { metrics } from "./metrics.ts";
import { aimText, tableOf } from "./result.ts";
import { type Report, runBench } from "./run.ts";

const HELP = `
Everything runs on this machine and on 127.0.0.1: a real PBX, the service as users run it, and simulated callers whose RTP
packets are the measure. Close other programs: a run whose own generator was late says so and exits with 1.

Examples:
  npm run bench                                      all of it (about half an hour)
  npm run bench -- --only greeting_ms,barge_in_ms
  npm run --silent bench -- --json > figures.json
  npm run bench -- --engine freeswitch --freeswitch /usr/local/freeswitch
  npm run bench -- --list                            every metric, what it means, and its aim`;

interface Options {
  readonly json: boolean;
  readonly list: boolean;
  readonly only: readonly Metric[];
  readonly engine: string;
  readonly freeswitch?: string;
  readonly trials: number;
}

const NAME_WIDTH = Math.max(...metrics.map(({ name }) => name.length));

const EXIT = { fine: 0, invalid: 1, usage: 2, interrupted: 130 } as const;

function metricsNamed(names: string, before: readonly Metric[]): Metric[] {
  const found = names.split(",").map((name) => {
    const metric = metrics.find((known) => known.name === name.trim());
    if (!metric) throw new InvalidArgumentError(`There is no metric "${name}"; --list shows them.`);
    return metric;
  });
  return [...before, ...found];
}

function engineNamed(name: string): string {
  if (stages[name]) return name;
  throw new InvalidArgumentError(`Known engines: ${Object.keys(stages).join(", ")}.`);
}

function trialsFrom(text: string): number {
  const trials = Number(text);
  if (Number.isInteger(trials) && trials >= 1 && trials <= 10_000) return trials;
  throw new InvalidArgumentError("A whole number from 1 to 10000.");
}

const program = new Command("bench")
  .description("Measures the figures of the README on this machine.")
  .option("--json", "one object on standard output; progress goes to standard error", false)
  .option("--only <metrics>", "these only; may be given again, or as a list with commas", metricsNamed, [])
  .option("--engine <name>", "the PBX to measure through", engineNamed, "asterisk")
  .option("--freeswitch <prefix>", "where FreeSWITCH is installed (default: SIDETONE_FREESWITCH, or the machine's own)")
  .option(
    "--trials <n>",
    `trials of each metric; below ${ENOUGH_TRIALS} it is a try-out and no figure`,
    trialsFrom,
    ENOUGH_TRIALS,
  )
  .option("--list", "list the metrics", false)
  .addHelpText("after", HELP)
  .exitOverride((error) => process.exit(error.exitCode === 0 ? EXIT.fine : EXIT.usage));

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const progress = (line: string): void => void process.stderr.write(`· ${line}\n`);

function list({ engine }: Options): void {
  for (const { name, what, aims } of metrics.map((metric) => forEngine(metric, engine)))
    print(`${name.padEnd(NAME_WIDTH)} ${what} Aim: ${aims.map(aimText).join(", ") || "none"}.`);
}

function show({ machine, versions, results, notes }: Report, { json }: Options): void {
  if (json) {
    const figures = results.filter(({ invalid }) => !invalid).map(({ figure }) => figure);
    print(JSON.stringify({ machine, versions, metrics: figures }));
    return;
  }
  print("");
  if (results.length > 0) print(tableOf(results));
  print("");
  for (const note of notes) print(`· ${note}`);
  const named = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  print(`${machine.cpu}, ${machine.cores} cores, ${machine.memoryGb} GB, ${machine.system}`);
  print(`${named.join(", ")}; load ${machine.loadBefore} before, ${machine.loadAfter} after`);
}

async function main(options: Options): Promise<number> {
  if (options.list) {
    list(options);
    return EXIT.fine;
  }
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  try {
    const wanted = options.only.length > 0 ? [...new Set(options.only)] : metrics;
    const report = await runBench({
      ...options,
      prefix: options.freeswitch,
      metrics: wanted,
      signal,
      progress,
    });
    show(report, options);
    if (options.trials < ENOUGH_TRIALS) progress(`TRY-OUT with ${options.trials} trials: these are no figures`);
    const invalid = report.results.flatMap((result) =>
      result.invalid ? [`${result.metric.name} is INVALID: ${result.invalid}`] : [],
    );
    for (const line of [...invalid, ...report.failures]) process.stderr.write(`${line}\n`);
    if (signal.aborted) {
      progress("STOPPED: what is not in the table was not measured");
      return EXIT.interrupted;
    }
    return invalid.length + report.failures.length > 0 ? EXIT.invalid : EXIT.fine;
  } catch (error) {
    if (!signal.aborted) throw error;
    progress("STOPPED before anything was measured");
    return EXIT.interrupted;
  }
}

process.exitCode = await main(program.parse().opts<Options>());
