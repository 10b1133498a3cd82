import { parseArgs } from "node:util";
import { prepareAsterisk } from "../../deploy/engines/asterisk.ts";
import { findFreeswitch, PREFIX_VARIABLE } from "../../deploy/engines/freeswitch.ts";
import { messageOf } from "../../src/base/errors.ts";
import type { Stage } from "../support/stage.ts";
import { type Killed, kills } from "./kills.ts";
import { model } from "./model.ts";
import { asteriskStage, freeswitchStage } from "./stages.ts";
import type { Walked } from "./walker.ts";

// What takes too long for every day: a million runs of the model, and a thousand kills of real workers.
const HELP = `npm run soak -- [--runs 1000000] [--first 1] [--threads 2] [--kills 1000] [--callers 6] [--workers 3] [--at-once 1]
                    [--minutes 600] [--engine asterisk|freeswitch|both] [--json]

Runs the model of a lent call (docs/decisions/0050) by either engine, and kills workers under callers who listen to them: on a real Asterisk,
and on the FreeSWITCH that ${PREFIX_VARIABLE} names. A kill is one SIGKILL of one worker; each costs several calls their agent.
The next one follows when everybody has an agent again, and one worker more is up than will die.
  --runs, --kills   so many; 0 leaves the part out. With both engines each has half of them
  --first           the first seed
  --callers         so many calls are up at every kill
  --at-once         so many of the workers die in the same moment; fewer than there are
  --minutes         of the kills on each engine, at most; fewer kills are then no fault
  --engine          default: both for the runs, which need neither; for the kills Asterisk, and FreeSWITCH where it is named
Ctrl-C ends it in order, and says what was seen so far. Exit status: 0 everything held, 1 something did not, 2 wrong usage,
130 ended by Ctrl-C before it was done.
`;

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const ENGINES = ["asterisk", "freeswitch"] as const;

class UsageError extends Error {}

function optionsOf(args: readonly string[]) {
  const string = (value: string) => ({ type: "string", default: value }) as const;
  const { values } = parseArgs({
    args: [...args],
    options: {
      ...{ runs: string("1000000"), first: string("1"), threads: string("2"), minutes: string("600") },
      ...{ kills: string("1000"), callers: string("6"), workers: string("3"), "at-once": string("1") },
      engine: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const whole = (name: "runs" | "first" | "threads" | "kills" | "callers" | "workers" | "at-once", least: number) => {
    if (!/^\d{1,10}$/.test(values[name]) || Number(values[name]) < least)
      throw new UsageError(`--${name} is a whole number from ${least} on`);
    return Number(values[name]);
  };
  const minutes = Number(values.minutes);
  if (!(minutes > 0)) throw new UsageError("--minutes is a number above 0");
  if (values.engine !== undefined && !/^(asterisk|freeswitch|both)$/.test(values.engine))
    throw new UsageError("--engine is asterisk, freeswitch or both");
  const enginesOf = (engine: string) => ENGINES.filter((one) => [one, "both"].includes(engine));
  const options = {
    ...{ runs: whole("runs", 0), first: whole("first", 0), threads: whole("threads", 1), minutes },
    ...{ kills: whole("kills", 0), callers: whole("callers", 1), workers: whole("workers", 2) },
    ...{ atOnce: whole("at-once", 1), json: values.json, help: values.help },
    walked: enginesOf(values.engine ?? "both"),
    engines: enginesOf(values.engine ?? (process.env[PREFIX_VARIABLE] ? "both" : "asterisk")),
  };
  if (options.atOnce >= options.workers) throw new UsageError("--at-once is less than --workers: one has to go on");
  return options;
}

type Options = ReturnType<typeof optionsOf>;

async function stageOf(engine: "asterisk" | "freeswitch", workers: number, signal: AbortSignal): Promise<Stage> {
  if (engine === "asterisk") return await asteriskStage(await prepareAsterisk({ progress: say, signal }), workers);
  await findFreeswitch();
  return await freeswitchStage(workers);
}

async function killsOn(engine: Options["engines"][number], options: Options, signal: AbortSignal): Promise<Killed> {
  const { callers, workers, atOnce, minutes, engines } = options;
  await using stage = await stageOf(engine, workers, signal);
  const wanted = Math.ceil(options.kills / engines.length);
  // Those that stay take the calls over; the others need not be there again before the next kill.
  const rest = { callers, up: atOnce + 1, atOnce, seconds: minutes * 60, name: engine, say, signal };
  return await kills(stage, { kills: wanted, ...rest });
}

const killsLine = (engine: string, killed: Killed): string =>
  [
    `${engine}: ${killed.kills} kills in ${killed.seconds} s, ${killed.calls} agents lost, ${killed.lost} calls lost, ${killed.silent} had neither agent nor menu for 5 s, ${killed.unclear} had one that could not be told by ear`,
    `first agent lost: ${killed.resumed} resumed (p50, p95, p99, most: ${killed.resumedMs.join(", ")} ms), ${killed.anew} greeted anew, ${killed.menu} in the menu (${killed.menuMs.join(", ")} ms)`,
    `second one lost: ${killed.twice} in the menu (${killed.twiceMs.join(", ")} ms)`,
    `${killed.answered} calls answered, of ${killed.recordFaults.length} the record is not right, and ${killed.leftOver} channels were left; ${killed.late} were in the menu before any kill, ${killed.strayed} lost their agent without one`,
    ...killed.recordFaults.slice(0, 10),
  ].join("\n  ");

function tell(walks: ReadonlyMap<string, Walked>, killed: ReadonlyMap<string, Killed>): void {
  for (const { failed } of walks.values()) for (const story of failed) say(story);
  for (const [engine, walked] of walks)
    say(
      `model of ${engine}: ${walked.runs} runs, ${walked.calls} calls, ${walked.faults} faults, ${walked.resumed} resumed, ${walked.failed.length} failed; longest silence ${Math.round(walked.longestSilenceMs)} ms`,
    );
  for (const [engine, one] of killed) say(killsLine(engine, one));
}

async function soak(options: Options, signal: AbortSignal): Promise<boolean> {
  const { first, threads, walked } = options;
  const walks = new Map<string, Walked>();
  const runs = Math.ceil(options.runs / walked.length);
  for (const engine of options.runs > 0 ? walked : [])
    if (!signal.aborted) walks.set(engine, await model({ engine, runs, first, threads, say, signal }));
  const killed = new Map<string, Killed>();
  if (options.kills > 0)
    for (const engine of options.engines)
      if (!signal.aborted) killed.set(engine, await killsOn(engine, options, signal));
  tell(walks, killed);
  const held = [...walks.values()].every(({ failed }) => failed.length === 0);
  const ok = held && [...killed.values()].every((one) => one.ok);
  const counted = [...walks].map(([engine, one]) => [engine, { ...one, failed: one.failed.length }] as const);
  if (options.json) {
    const seen = { ok, model: Object.fromEntries(counted), kills: Object.fromEntries(killed) };
    process.stdout.write(`${JSON.stringify(seen)}\n`);
  }
  say(ok ? "everything held" : "SOMETHING DID NOT HOLD");
  return ok;
}

async function main(): Promise<number> {
  const stopped = new AbortController();
  // Once: what runs is ended in order. Twice: at once, as the terminal would.
  for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stopped.abort());
  try {
    const options = optionsOf(process.argv.slice(2));
    if (options.help) process.stdout.write(HELP);
    const ok = options.help || (await soak(options, stopped.signal));
    return !ok ? 1 : stopped.signal.aborted ? 130 : 0;
  } catch (error) {
    if (stopped.signal.aborted) return 130;
    say(messageOf(error));
    return error instanceof UsageError || (error instanceof TypeError && "code" in error) ? 2 : 1;
  }
}

process.exitCode = await main();
