import { join } from "node:path";
import { type Command, Option } from "commander";
import { systemClock } from "../../base/clock.ts";
import { isCancellation, OutsideError } from "../../base/errors.ts";
import { createLog } from "../../base/log.ts";
import { folderFor } from "../../config/folders.ts";
import type { Turn } from "../../conversation/turn.ts";
import { CommandError, EXIT, EXIT_HELP } from "../exit.ts";
import { INTERRUPTED, Interrupt } from "../interrupt.ts";
import { aftermath, recordsDirOf } from "./aftermath.ts";
import { DEMO_ENGINES, type DemoEngine } from "./pbx.ts";
import type { Check, DemoFailover, DemoResult, DemoTurn } from "./result.ts";
import { type FirstCall, firstCall, secondCall } from "./scenes.ts";
import { jsonScreen, type Screen, terminalScreen } from "./screen.ts";
import { NUMBER, type Stage, setStage } from "./stage.ts";

const HELP = `
Needs nothing but this machine: Asterisk and the recogniser are prepared once (about a minute; Debian, as root), the
phones are simulated, everything stays on 127.0.0.1. FreeSWITCH is not fetched: it must be installed. Exit status 0 only
if everything it shows has happened.

Examples:
  sidetone demo
  sidetone demo --json | jq .failover
  sidetone demo --engine freeswitch --freeswitch /usr/local/freeswitch
  sidetone demo --engine freeswitch --freeswitch 127.0.0.1:8021
  sidetone demo --keep               leaves all running, and says how to call it with your own SIP phone
${EXIT_HELP}`;

export function addDemoCommand(program: Command): void {
  program
    .command("demo")
    .description("a real call through a real PBX, on this machine")
    .addOption(new Option("--engine <name>", "the PBX").choices(DEMO_ENGINES).default("asterisk"))
    .option(
      "--freeswitch <where>",
      "where FreeSWITCH is installed, or host:port of the Event Socket of one that runs on this machine, with its password in SIDETONE_ESL_PASSWORD (default: SIDETONE_FREESWITCH, or the machine's own)",
    )
    .option("--json", "one object instead of the live view")
    .option("--keep", "leave all running until Ctrl-C")
    .addHelpText("after", HELP)
    .action(async (options: DemoOptions) => {
      process.exitCode = await demo(options);
    });
}

interface DemoOptions {
  readonly json?: boolean;
  readonly keep?: boolean;
  readonly engine: DemoEngine;
  readonly freeswitch?: string;
}

async function demo({ json, keep, engine, freeswitch }: DemoOptions): Promise<number> {
  const screen = json ? jsonScreen({ out: process.stdout, progress: process.stderr }) : terminalScreen(process.stdout);
  using interrupt = new Interrupt();
  const { signal } = interrupt;
  const undo = new AsyncDisposableStack();
  try {
    const log = createLog({ level: "error", pretty: true });
    const stage = await setStage({
      engine,
      prefix: freeswitch,
      clock: systemClock,
      log,
      screen,
      signal,
      undo,
    });
    const result = await play(stage, screen, signal);
    if (keep) await stay(stage, signal);
    return result.ok ? EXIT.fine : EXIT.fault;
  } catch (error) {
    if (isCancellation(error, signal)) return INTERRUPTED;
    if (error instanceof OutsideError) throw new CommandError(error.message);
    throw error;
  } finally {
    await undo.disposeAsync();
  }
}

async function play({ service, actors }: Stage, screen: Screen, signal: AbortSignal): Promise<DemoResult> {
  const turns: Turn[] = [];
  const show = follow(service.events(signal), screen, turns);
  screen.scene("The first call: questions, one over the answer, and a person");
  const first = await firstCall(actors);
  const firstTurns = turns.slice();
  const left = await aftermath({
    recordsDir: recordsDirOf(service.stateDir),
    copyTo: join(folderFor("cache", process.env), "demo/first-call.wav"),
    clock: actors.clock,
    signal,
  });
  screen.aftermath(left);
  screen.scene("The second call: the worker dies in mid-sentence");
  const failover = await secondCall(actors);
  await show;
  const result = { ...resultOf(firstTurns, first, failover), recording: left.recording, cdr: left.cdr };
  const checks = checksOf(result, first);
  const whole = { ...result, ok: checks.every(({ ok }) => ok) };
  screen.summary(whole, checks);
  return whole;
}

/** Shows what the service tells of its calls. The worker that is killed ends it. */
async function follow(events: ReturnType<Stage["service"]["events"]>, screen: Screen, turns: Turn[]): Promise<void> {
  try {
    for await (const event of events) {
      if (event.type === "callerWords" && event.final) screen.words("caller", event.text);
      if (event.type === "agentWords") screen.words("agent", event.text);
      if (event.type === "bargeIn") screen.note("the caller talks over the agent, which is silent at once");
      if (event.type === "turn") {
        turns.push(event.turn);
        screen.turn(event.turn);
      }
      if (event.type === "ended" && event.next.next === "transfer")
        screen.note(`the dialplan transfers the call to ${event.next.target}`);
    }
  } catch {
    // A connection that breaks is what a killed worker looks like from here; what it cost is measured at the caller.
  }
}

function resultOf(
  turns: readonly Turn[],
  first: FirstCall,
  failover: DemoFailover,
): Omit<DemoResult, "recording" | "cdr"> {
  const shown = turns.map((turn, index): DemoTurn => {
    const atCallerMs = first.repliesAfterMs[index];
    return {
      caller: turn.caller.text,
      agent: turn.agent?.text ?? "",
      heardMs: Math.round(turn.agent?.heardMs ?? 0),
      heard: turn.agent?.heardText ?? "",
      interrupted: turn.interrupted,
      latencyMs: { ...turn.latency, ...(atCallerMs === undefined ? {} : { atCallerMs: Math.round(atCallerMs) }) },
    };
  });
  return {
    ok: false,
    turns: shown,
    bargeInMs: first.bargeInMs,
    transfer: first.transferred,
    failover,
  };
}

/** Everything that the demo promises to show. */
function checksOf(
  { turns, bargeInMs, transfer, failover, recording, cdr }: DemoResult,
  { wentOn }: FirstCall,
): Check[] {
  const [greeting, hours, parking, appointment, keys, prompt, person] = turns;
  const answers = (turn: DemoTurn | undefined, words: RegExp): boolean => words.test(turn?.agent ?? "");
  return [
    { what: "the agent greeted the caller", ok: (greeting?.heardMs ?? 0) > 0 },
    { what: "a question in words of the caller's own was answered", ok: answers(hours, /saturday/i) },
    {
      what: "the caller talked over the answer, and the agent was silent",
      ok: hours?.interrupted === true && bargeInMs !== null && bargeInMs < 1000,
    },
    { what: 'neither a cough nor an "mm-hm" cost the answer', ok: wentOn && (hours?.heardMs ?? 0) > 4000 },
    {
      what: "of the answer that was talked over, the agent knows only what was heard",
      ok: hours !== undefined && hours.heard !== hours.agent && hours.agent.startsWith(hours.heard),
    },
    { what: "the question over the answer was answered", ok: answers(parking, /building/i) },
    {
      what: "keys were understood as an answer",
      ok:
        answers(appointment, /number/i) && keys?.caller.startsWith("55012") === true && answers(keys, /call you back/i),
    },
    { what: "a silent caller was asked again", ok: prompt?.caller === "" && prompt.heardMs > 0 },
    {
      what: "the wish to speak to someone led to the support phone, which was heard",
      ok: person !== undefined && transfer,
    },
    { what: "the call was recorded by the PBX", ok: recording !== null && recording.seconds > 10 },
    {
      what: "the call is on record, with every turn",
      ok: cdr?.next?.next === "transfer" && cdr.turns.length === turns.length,
    },
    { what: "the worker was killed, and the caller heard the static menu", ok: failover.menu },
    { what: "2 in the menu led to the support phone, which was heard", ok: failover.connected },
  ];
}

async function stay({ pbx, service }: Stage, signal: AbortSignal): Promise<void> {
  const own = pbx.phones.find(({ name }) => name === "own");
  const account = pbx.introduce
    ? `none, as a trunk at ${own?.sipUri}`
    : `${own?.sipUri} (UDP), password ${own?.password}`;
  process.stderr.write(`
All is left running. Call it with your own SIP phone on this machine:
  account   ${account}
  number    ${NUMBER}
  log       ${service.logFile}
  live      bin/sidetone calls --follow --config ${service.configFile}
Ctrl-C ends it all.
`);
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}
