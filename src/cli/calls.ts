import type { Command } from "commander";
import { codeOf, messageOf } from "../base/errors.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import type { LiveCall, LiveEvent } from "../server/live.ts";
import { readToken, tokenFile } from "../server/token.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit.ts";
import { configOption } from "./run.ts";

const HELP = `
Examples:
  sidetone calls                     the calls that are up
  sidetone calls --follow            what is said in them, as it is said
  sidetone calls --json | jq .
${EXIT_HELP}`;

const ANSWER_MS = 5000;
/** An event is a line; one that never ends is none. */
const EVENT_MAX_CHARS = 256 * 1024;

interface CallsOptions {
  readonly follow?: boolean;
  readonly json?: boolean;
  readonly config?: string;
}

export function addCallsCommand(program: Command): void {
  program
    .command("calls")
    .description("show the calls that are up")
    .option("-f, --follow", "stay, and show what happens in them")
    .option("--json", "JSON: one object; with --follow one for each event")
    .addOption(configOption())
    .addHelpText("after", HELP)
    .action(async (options: CallsOptions) => {
      const config = loadConfig(findConfigFile(options.config), { catalogue, env: process.env });
      if (options.follow) await follow(config, options.json ?? false);
      else await list(config, options.json ?? false);
    });
}

async function list(config: Config, json: boolean): Promise<void> {
  const response = await ask(config, "/api/calls", AbortSignal.timeout(ANSWER_MS));
  const { calls } = (await response.json()) as { calls: LiveCall[] };
  if (json) process.stdout.write(`${JSON.stringify({ calls })}\n`);
  else process.stdout.write(calls.length === 0 ? "No call is up.\n" : callsTable(calls));
}

/** A table for people: one line a call. */
export function callsTable(calls: readonly LiveCall[]): string {
  const rows = calls.map((call) => [
    call.id,
    call.agent,
    call.from,
    call.to,
    `${Math.floor(call.seconds / 60)}:${String(call.seconds % 60).padStart(2, "0")}`,
    String(call.turns),
    call.latency.totalMs === undefined ? "-" : `${Math.round(call.latency.totalMs)} ms`,
    call.callerWords.slice(0, 40),
  ]);
  const all = [["CALL", "AGENT", "FROM", "TO", "TIME", "TURNS", "LATENCY", "CALLER SAYS"], ...rows];
  const widths = all[0]?.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0))) ?? [];
  return all
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join("  ")
          .trimEnd()}\n`,
    )
    .join("");
}

async function follow(config: Config, json: boolean): Promise<void> {
  const abort = new AbortController();
  const stop = (): void => abort.abort();
  process.once("SIGINT", stop);
  try {
    const response = await ask(config, "/api/events", abort.signal);
    for await (const event of eventsOf(response)) {
      process.stdout.write(json ? `${JSON.stringify(event)}\n` : eventLine(event));
    }
    throw new CommandError("The service has ended the connection.", EXIT.silent);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", stop);
  }
}

/** One line a happening; words that are not final yet have none. */
export function eventLine(event: LiveEvent): string {
  switch (event.type) {
    case "started":
      return `${event.call}  call from ${event.from}, answered by ${event.agent}\n`;
    case "callerWords":
      return event.final ? `${event.call}  caller: ${event.text}\n` : "";
    case "agentWords":
      return `${event.call}  agent:  ${event.text}\n`;
    case "bargeIn":
      return `${event.call}  the agent fell silent after ${Math.round(event.ms)} ms\n`;
    case "turn": {
      const { latency, interrupted } = event.turn;
      const stages = Object.entries(latency).map(([stage, ms]) => `${stage.replace(/Ms$/, "")} ${Math.round(ms)}`);
      return `${event.call}  turn ${event.turn.index}${interrupted ? ", interrupted" : ""}: ${stages.join(", ") || "-"} (ms)\n`;
    }
    case "ended": {
      const { next } = event;
      const where =
        next.next === "transfer"
          ? `transfer to ${next.target}`
          : next.next === "menu"
            ? `menu (${next.reason})`
            : "hang-up";
      return `${event.call}  ended after ${event.seconds} s: ${where}\n`;
    }
    case "outcome": {
      const { state, summary } = event.outcome;
      return `${event.call}  outcome (${state}): ${summary}\n`;
    }
  }
}

export async function* eventsOf(response: Response): AsyncGenerator<LiveEvent> {
  if (!response.body) return;
  let text = "";
  for await (const piece of response.body.pipeThrough(new TextDecoderStream())) {
    text += piece;
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    if (text.length > EVENT_MAX_CHARS) throw new CommandError("The service sends something that is no event.");
    for (const block of blocks) {
      const data = /^data: (.*)$/m.exec(block)?.[1];
      if (data !== undefined) yield JSON.parse(data) as LiveEvent;
    }
  }
}

/** Asks the running service. Throws a CommandError that says what to do when it does not answer. */
export async function ask(config: Config, path: string, signal: AbortSignal): Promise<Response> {
  const url = `http://${config.server.host.includes(":") ? `[${config.server.host}]` : config.server.host}:${config.server.port}`;
  let token: string | undefined;
  try {
    token = readToken(config.stateDir);
  } catch (error) {
    throw new CommandError(
      `${tokenFile(config.stateDir)}: ${codeOf(error)}. Run this as the user of the service, or as root.`,
    );
  }
  if (token === undefined) {
    throw new CommandError(
      `${tokenFile(config.stateDir)} is missing: the service has never run with this stateDir.`,
      EXIT.silent,
    );
  }
  const response = await fetch(url + path, { headers: { authorization: `Bearer ${token}` }, signal }).catch(
    (error: unknown) => {
      signal.throwIfAborted();
      const cause = error instanceof Error && error.cause ? messageOf(error.cause) : messageOf(error);
      throw new CommandError(
        `The service does not answer at ${url} (${cause}). Is it running? systemctl status sidetone`,
        EXIT.silent,
      );
    },
  );
  if (response.status === 401)
    throw new CommandError(`The service at ${url} does not know our token: is it another one, with another stateDir?`);
  if (!response.ok) throw new CommandError(`The service at ${url} answered ${response.status} to ${path}.`);
  return response;
}
