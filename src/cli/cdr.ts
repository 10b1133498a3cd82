import { type Command, InvalidArgumentError } from "commander";
import { systemClock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import { type Cdr, costOf, durationOf } from "../call/cdr.ts";
import { catalogue } from "../config/catalogue.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { type CallFilter, findCall, listCalls } from "../store/calls.ts";
import { type Database, databaseFile, openReading } from "../store/database.ts";
import { cdrPage, cdrTable, nextText } from "./cdr-text.ts";
import { csvRow } from "./csv.ts";
import { CommandError, EXIT_HELP } from "./exit.ts";
import { configOption } from "./run.ts";

const HELP = `
Examples:
  sidetone cdr list --since 24h                  the calls of the last day, newest first
  sidetone cdr list --number 123456 --json       those whose number ends so
  sidetone cdr show 1764000000.12                one call, with what was said
  sidetone cdr export --csv --since 2026-11-01   a row a call, for a spreadsheet
  sidetone cdr export > calls.jsonl              a JSON line a call, with its words

Moments are UTC. --since takes a date, a moment (2026-11-01T08:00Z), or a time back (90m, 24h, 7d).
${EXIT_HELP}`;

interface Options {
  readonly since?: string;
  readonly number?: string;
  readonly agent?: string;
  readonly limit?: number;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly config?: string;
}

const LIMIT = 50;
const PAGE = 200;

export function addCdrCommand(program: Command): void {
  const cdr = program
    .command("cdr")
    .description("list, show and export the records of calls")
    .addHelpText("after", HELP);
  filtered(cdr.command("list").description("the calls, newest first"))
    .option("--json", "one JSON object, with the words")
    .action((options: Options) => list({ limit: LIMIT, ...options }));
  cdr
    .command("show <call>")
    .description("one call, with what was said")
    .option("--json", "as JSON")
    .addOption(configOption())
    .action(show);
  filtered(cdr.command("export").description("all of them, newest first: a JSON line each, or a row of a table"))
    .option("--csv", "a table without the words, with a head line (RFC 4180)")
    .action(exportCalls);
}

const filtered = (command: Command): Command =>
  command
    .option("--since <when>", "calls that began then or later", sinceOf)
    .option("--number <digits>", "calls from or to a number that ends so")
    .option("--agent <name>", "calls of this agent")
    .option("--limit <calls>", "at most so many", limitOf)
    .addOption(configOption());

async function list(options: Options & { limit: number }): Promise<void> {
  const calls = await reading(options, ({ db }) => listCalls(db, filterOf(options, options.limit)));
  if (options.json) process.stdout.write(`${JSON.stringify({ calls })}\n`);
  else if (calls.length > 0) process.stdout.write(cdrTable(calls, { terminal: process.stdout.isTTY === true }));
  else process.stderr.write("No call is on record that fits.\n");
}

async function show(id: string, options: Options): Promise<void> {
  const cdr = await reading(options, ({ db }) => findCall(db, id));
  if (!cdr) throw new CommandError(`No call "${id}" is on record. "sidetone cdr list" shows those that are.`);
  process.stdout.write(options.json ? `${JSON.stringify(cdr)}\n` : cdrPage(cdr));
}

async function exportCalls(options: Options): Promise<void> {
  await reading(options, async ({ db }) => {
    if (options.csv) await write(csvRow(Object.keys(CSV)));
    let left = options.limit ?? Number.POSITIVE_INFINITY;
    let after: Cdr | undefined;
    do {
      const page = await listCalls(db, { ...filterOf(options, Math.min(PAGE, left)), ...(after && { after }) });
      const lines = page.map((cdr) =>
        options.csv ? csvRow(Object.values(CSV).map((cell) => cell(cdr))) : `${JSON.stringify(cdr)}\n`,
      );
      await write(lines.join(""));
      left -= page.length;
      after = page.length === PAGE ? page.at(-1) : undefined;
    } while (after && left > 0);
  });
}

/** Whoever reads slowly is waited for. */
const write = (text: string): Promise<void> =>
  new Promise((resolve) => (process.stdout.write(text) ? resolve() : process.stdout.once("drain", () => resolve())));

const CSV: Readonly<Record<string, (cdr: Cdr) => string | number | null>> = {
  id: (cdr) => cdr.id,
  engine: (cdr) => cdr.engine,
  direction: (cdr) => cdr.direction,
  from: (cdr) => cdr.from,
  from_name: (cdr) => cdr.fromName,
  to: (cdr) => cdr.to,
  did: (cdr) => cdr.did,
  diversion: (cdr) => cdr.diversion,
  trunk: (cdr) => cdr.trunk,
  agent: (cdr) => cdr.agent,
  language: (cdr) => cdr.language,
  codec: (cdr) => cdr.codec,
  attempt: (cdr) => cdr.attempt,
  started: (cdr) => cdr.started,
  answered: (cdr) => cdr.answered,
  ended: (cdr) => cdr.ended,
  duration_ms: (cdr) => durationOf(cdr) ?? null,
  turns: (cdr) => cdr.turns.length,
  interruptions: (cdr) => cdr.turns.filter(({ interrupted }) => interrupted).length,
  keys: (cdr) => cdr.keys,
  recording: (cdr) => cdr.recording?.path ?? null,
  consent: (cdr) => cdr.recording?.consent ?? null,
  hangup_cause: (cdr) => cdr.hangupCause,
  next: nextText,
  fallbacks: (cdr) => cdr.fallbacks.join(" "),
  tokens: ({ usage }) => usage.reduce((sum, one) => sum + one.inputTokens + one.outputTokens, 0),
  cost: costOf,
  outcome: (cdr) => cdr.outcome?.state ?? null,
};

function filterOf({ since, number, agent }: Options, limit: number): CallFilter {
  return {
    limit,
    ...(since !== undefined && { since }),
    ...(number !== undefined && { number }),
    ...(agent !== undefined && { agent }),
  };
}

/** Reads the records of the configured service, whether it runs or not. Throws a CommandError that says what to do. */
async function reading<T>(options: Options, read: (database: Database) => Promise<T>): Promise<T> {
  const { records } = loadConfig(findConfigFile(options.config), { catalogue, env: process.env });
  let database: Database | undefined;
  try {
    database = openReading(records.dir);
    if (!database) throw new CommandError(`No call was recorded yet: there is no ${databaseFile(records.dir)}.`);
    return await read(database);
  } catch (error) {
    throw storeError(error, records.dir);
  } finally {
    database?.close();
  }
}

/** In an administrator's words why the records cannot be read or changed. */
export function storeError(error: unknown, dir: string): unknown {
  if (error instanceof OutsideError) return new CommandError(error.message);
  const code = codeOf(error);
  if (code === "ERR_SQLITE_ERROR" || code === "EACCES" || code === "EPERM") {
    return new CommandError(
      `${databaseFile(dir)}: ${messageOf(error)}. Run this as the user of the service, or as root. A broken database is set aside when the service writes its next record.`,
    );
  }
  return error;
}

function limitOf(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1) throw new InvalidArgumentError("A whole number from 1.");
  return limit;
}

const UNITS_MS: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** "24h", "2026-11-01" or a moment, as ISO 8601 in UTC. */
export function sinceOf(text: string, nowMs: unknown = undefined): string {
  const back = /^(\d{1,6})([mhd])$/.exec(text);
  const now = typeof nowMs === "number" ? nowMs : systemClock.wall();
  const withZone = /^\d{4}-\d{2}-\d{2}T[\d:.]+$/.test(text) ? `${text}Z` : text;
  const at = back
    ? now - Number(back[1]) * (UNITS_MS[back[2] ?? ""] ?? 0)
    : /^\d{4}-\d{2}/.test(text)
      ? Date.parse(withZone)
      : Number.NaN;
  const date = new Date(at);
  if (Number.isNaN(date.getTime()))
    throw new InvalidArgumentError(
      "A date (2026-11-01), a moment (2026-11-01T08:00Z), or a time back such as 24h or 7d.",
    );
  return date.toISOString();
}
