import type { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { sentenceOf } from "../base/errors.ts";
import { callerNumber, plainNumber } from "../call/number.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { databaseFile, openDatabase, openReading } from "../store/database.ts";
import { type Erased, eraseNumber } from "../store/erase.ts";
import { type ErasedJournals, eraseJournals } from "../store/erase-journals.ts";
import { eraseMemories } from "../store/memories.ts";
import { journalPlace } from "../store/open-journal.ts";
import { storeError } from "./cdr.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit.ts";
import { configOption } from "./run.ts";

const HELP = `
Removes the records of all calls with this number, with their words, their JSON lines and their recordings, and what is
remembered of the caller for the next call, and says what it removed. The number is compared as a whole: "+49 30 123" and "004930123" are the same one. There is no way back.

Examples:
  sidetone erase --number +4930123456
  sidetone erase --number +4930123456 --json
${EXIT_HELP}`;

interface Options {
  readonly number: string;
  readonly json?: boolean;
  readonly config?: string;
}

export function addEraseCommand(program: Command): void {
  program
    .command("erase")
    .description("remove a caller from the records")
    .requiredOption("--number <number>", "the caller's number")
    .option("--json", "what was removed, as one JSON object")
    .addOption(configOption())
    .addHelpText("after", HELP)
    .action(async (options: Options) => {
      process.exitCode = await erase(options);
    });
}

async function erase({ number, json = false, config: file }: Options): Promise<number> {
  if (!/\w/.test(plainNumber(number))) throw new CommandError("--number wants a number.", EXIT.usage);
  const config = loadConfig(findConfigFile(file), { catalogue, env: process.env });
  const erased = await eraseIn(config, number);
  const journals = await journalsErased(config, number, erased.up > 0);
  process.stdout.write(
    json ? `${JSON.stringify({ ...erased, journals })}\n` : erasedText(erased, number) + journalsText(journals),
  );
  return erased.failed.length > 0 || erased.up > 0 ? EXIT.fault : EXIT.fine;
}

async function journalsErased({ journal }: Config, number: string, up: boolean): Promise<ErasedJournals> {
  const { dir, disk } = await journalPlace(journal, systemClock);
  const { secret } = journal;
  try {
    await disk.ready?.();
    return await eraseJournals({ dir, disk, secret }, { number, nowMs: systemClock.wall(), up });
  } catch (error) {
    throw new CommandError(`The records are erased; the journals are not: ${sentenceOf(error)}`);
  } finally {
    await disk.close?.();
  }
}

async function eraseIn({ records: { dir }, memory }: Config, number: string): Promise<Erased & { memories: number }> {
  try {
    // Where there is nothing, nothing is made either.
    const there = openReading(dir);
    if (!there) throw new CommandError(`No call was recorded yet: there is no ${databaseFile(dir)}.`);
    there.close();
    const database = openDatabase(dir);
    try {
      const known = callerNumber(number, memory ?? { trunkPrefix: "" });
      const memories = await eraseMemories(database.db, [plainNumber(number), ...(known === undefined ? [] : [known])]);
      return { ...(await eraseNumber(database, dir, number)), memories };
    } finally {
      database.close();
    }
  } catch (error) {
    throw storeError(error, dir);
  }
}

const plural = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;

/** What was removed, what was not, and what to do about it. */
export function erasedText(erased: Erased & { readonly memories?: number }, number: string): string {
  const { records, turns, lines, recordings, missing, diversions, up, failed, similar, aside, memories = 0 } = erased;
  const parts = [
    `${plural(records, "record")} with ${plural(turns, "turn")}`,
    plural(lines, "JSON line"),
    plural(recordings, "recording"),
    ...(memories > 0 ? [`${plural(memories, "note")} for the next call`] : []),
  ];
  const text = [`Removed of ${number}: ${parts.join(", ")}.`];
  if (missing > 0) text.push(`${plural(missing, "recording was", "recordings were")} gone already.`);
  if (diversions > 0)
    text.push(`In ${plural(diversions, "other record")} it stood as the diverting number, and stands there no more.`);
  if (up > 0)
    text.push(
      `${plural(up, "call")} of this number ${up === 1 ? "is" : "are"} up and kept: repeat this when they have ended.`,
    );
  for (const { path, why } of failed) text.push(`NOT removed, and its record kept: ${path} (${why}).`);
  if (similar.length > 0) text.push(`Not touched, but perhaps the same caller: ${similar.slice(0, 20).join(", ")}.`);
  for (const file of aside)
    text.push(
      `A broken database may still hold the caller: ${file} (with -wal and -shm). Remove it, if nobody needs it.`,
    );
  return `${text.join("\n")}\n`;
}

/** Of the journals that dead workers have left; nothing where there are none. */
function journalsText({ removed, unread }: ErasedJournals): string {
  const text: string[] = [];
  if (removed > 0) text.push(`${plural(removed, "journal of a call", "journals of calls")} removed.`);
  if (unread > 0)
    text.push(
      `${plural(unread, "journal")} cannot be read with this secret, and may hold the caller; an hour after its last word a journal is removed.`,
    );
  return text.map((line) => `${line}\n`).join("");
}
