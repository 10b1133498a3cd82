import { readFile, writeFile } from "node:fs/promises";
import { type Command, Option } from "commander";
import { joined } from "../audio/joined.ts";
import { loadResampling, type Resampling } from "../audio/resample.ts";
import { readWav, writeWav } from "../audio/wav.ts";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { CALL_RATE } from "../caller/codec.ts";
import type { CallLeg } from "../caller/leg.ts";
import { type PbxAddress, Phone } from "../caller/phone.ts";
import { runScript } from "../caller/run-script.ts";
import { parseScript, type Script } from "../caller/script.ts";
import type { RawStep, ScriptResult, StepResult } from "../caller/script-result.ts";
import type { SpeechToText, TextToSpeech } from "../conversation/providers.ts";

export interface CallCommandDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** Made only when the script needs them, and closed afterwards. */
  readonly voice: () => Promise<TextToSpeech>;
  readonly ear: () => Promise<SpeechToText>;
  /** Standard output. */
  readonly write: (text: string) => void;
  /** Standard error. */
  readonly complain: (text: string) => void;
  /** Aborts on Ctrl-C. */
  readonly signal?: AbortSignal;
}

interface CallOptions {
  readonly to: string;
  readonly transport: "ws" | "udp";
  readonly wsUrl?: string;
  readonly user: string;
  readonly passwordFile?: string;
  readonly register?: boolean;
  readonly record?: string;
  readonly json?: boolean;
}

/** What the command exits with. */
export const CALL_EXIT = { fulfilled: 0, unfulfilled: 1, usage: 2, noCall: 3 } as const;

const HELP = `
Exit status:
  0  every step of the script was fulfilled
  1  the call was answered, but a step was not fulfilled
  2  the script, the password file or an option is wrong
  3  there was no call: PBX unreachable, password refused, number unknown, busy, no answer

Examples:
  $ sidetone call callers/opening-hours.yaml --to sip:100@pbx.example.com --user probe --password-file /etc/sidetone/probe
  $ sidetone call callers/keypad.yaml --to sip:100@127.0.0.1 --transport ws --user demo --password-file pw --json
  $ sidetone call script.yaml --to sip:100@10.0.0.5:5070 --user probe --record call.wav

How scripts are written: docs/simulated-caller.md`;

/** `sidetone call <script> --to …`. Sets the process's exit status by `exit`. */
export function addCallCommand(program: Command, deps: CallCommandDeps, exit: (status: number) => void): void {
  program
    .command("call")
    .description("call a PBX as a simulated caller that follows a script, and tell what was heard and measured")
    .argument("<script>", "the script, a YAML file")
    .requiredOption("--to <address>", "whom to call, e.g. sip:100@pbx.example.com:5060")
    .addOption(new Option("--transport <kind>", "how the PBX takes SIP").choices(["udp", "ws"]).default("udp"))
    .option("--ws-url <url>", "the PBX's SIP websocket (default: ws://<host of --to>:8088/ws)")
    .option("--user <name>", "the SIP user to call as", "sidetone-caller")
    .option("--password-file <path>", "a file that holds that user's password")
    .option("--register", "register before the call")
    .option("--record <file>", "write the call as WAV: caller left, agent right")
    .option("--json", "print one JSON object, when the call is over")
    .addHelpText("after", HELP)
    .action(async (file: string, options: CallOptions) => exit(await callFromFile(file, options, deps)));
}

async function callFromFile(file: string, options: CallOptions, deps: CallCommandDeps): Promise<number> {
  try {
    const script = parseScript(await readText(file), file);
    const pbx = pbxOf(options);
    const password = options.passwordFile === undefined ? undefined : (await readText(options.passwordFile)).trim();
    return await callOnce(script, { options, pbx, password, deps });
  } catch (error) {
    deps.signal?.throwIfAborted();
    deps.complain(`sidetone call: ${messageOf(error)}\n`);
    return USAGE_CODES.has(codeOf(error)) ? CALL_EXIT.usage : CALL_EXIT.noCall;
  }
}

const USAGE_CODES: ReadonlySet<string> = new Set(["script", "usage", "address", "missing"]);

interface OneCall {
  readonly options: CallOptions;
  readonly pbx: PbxAddress;
  readonly password: string | undefined;
  readonly deps: CallCommandDeps;
}

async function callOnce(script: Script, { options, pbx, password, deps }: OneCall): Promise<number> {
  const { clock, log, signal, write } = deps;
  const phone = new Phone({ pbx, user: options.user, password }, { clock, log });
  const stops: (() => Promise<void>)[] = [() => phone.stop()];
  try {
    const voice = script.steps.some(({ say, talkOver }) => say ?? talkOver) ? await deps.voice() : undefined;
    if (voice) stops.push(() => voice.close());
    const ear = script.steps.some(({ wait, expect }) => wait?.words ?? expect?.words) ? await deps.ear() : undefined;
    if (ear) stops.push(() => ear.close());
    await phone.start(signal && { signal });
    if (options.register) await phone.register(signal && { signal });
    let leg: CallLeg | undefined;
    const onStep = (step: RawStep, of: CallLeg): void => {
      leg = of;
      if (!options.json) write(`${stepLine(step, of)}\n`);
    };
    const parts = { ...(voice && { voice }), ...(ear && { ear }), ...(signal && { signal }) };
    const result = await runScript(script, { phone, target: options.to, clock, readSound, onStep, ...parts });
    if (options.record !== undefined && leg) await writeFile(options.record, recordingOf(leg));
    write(options.json ? `${JSON.stringify(result)}\n` : summaryOf(result));
    if (result.ok) return CALL_EXIT.fulfilled;
    return result.answeredMs === undefined ? CALL_EXIT.noCall : CALL_EXIT.unfulfilled;
  } finally {
    for (const stop of stops.reverse()) await stop();
  }
}

export async function readText(file: string): Promise<string> {
  return await readFile(file, "utf8").catch((error: unknown) => {
    throw new OutsideError("usage", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
}

export function pbxOf({ to, transport, wsUrl }: Pick<CallOptions, "to" | "transport" | "wsUrl">): PbxAddress {
  const [, host, port] = /^sip:[^@\s]+@(\[[^\]]+\]|[^:;\s]+)(?::(\d{1,5}))?(?:;\S*)?$/.exec(to) ?? [];
  if (host === undefined)
    throw new OutsideError("usage", `--to "${to}" is no SIP address: sip:number@host or sip:number@host:port is`);
  if (transport === "udp")
    return { transport, host: host.replace(/^\[|\]$/g, ""), port: port === undefined ? 5060 : Number(port) };
  const url = wsUrl ?? `ws://${host}:8088/ws`;
  if (!/^wss?:\/\//.test(url)) throw new OutsideError("usage", `--ws-url "${url}" does not begin with ws:// or wss://`);
  return { transport, url };
}

/** The first channel of a WAV file, at the call's rate. */
export async function readSound(file: string): Promise<Int16Array> {
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new OutsideError("usage", `${file} cannot be read: ${messageOf(error)}`, { cause: error });
  });
  const { rate, channels } = readWav(bytes, { maxSeconds: 120 });
  const [pcm = new Int16Array(0)] = channels;
  return rate === CALL_RATE ? pcm : resampled(pcm, rate, await loadResampling());
}

function resampled(pcm: Int16Array, from: number, resampling: Resampling): Int16Array {
  const resampler = resampling.open({ from, to: CALL_RATE });
  try {
    return joined([resampler.process(pcm).slice(), resampler.flush().slice()]);
  } finally {
    resampler.close();
  }
}

function recordingOf(leg: CallLeg): Uint8Array {
  const { sent, received } = leg.recordings;
  const toMs = leg.times.startMs + Math.max(sent.lengthMs, received.lengthMs);
  const channels = [sent, received].map((recording) => recording.samples({ fromMs: recording.startMs, toMs }));
  const length = Math.min(...channels.map((channel) => channel.length));
  return writeWav({ rate: CALL_RATE, channels: channels.map((channel) => channel.subarray(0, length)) });
}

function stepLine({ step, ok, endMs, detail }: RawStep, leg: CallLeg): string {
  const seconds = ((endMs - leg.times.startMs) / 1000).toFixed(2).padStart(7);
  return `${seconds} s  ${ok ? "ok  " : "FAIL"}  ${step.padEnd(8)}  ${detail}`;
}

function summaryOf({ ok, end, steps, durationMs, codec, packets, transcript }: ScriptResult): string {
  const lines = [
    ...steps.flatMap((step) =>
      step.step === "call" || step.step === "script" ? [`FAIL  ${step.detail}`] : figures(step),
    ),
    ...transcript.map(({ text, atMs }) => `understood at ${(atMs / 1000).toFixed(2)} s: ${text}`),
    `${(durationMs / 1000).toFixed(2)} s, ${codec ?? "no sound"}, ${packets.sent} packets sent, ${packets.received} received; ended by ${end.by}: ${end.cause}`,
    ok ? "every step fulfilled" : "not every step was fulfilled",
  ];
  return `${lines.join("\n")}\n`;
}

function figures({ index, step, latencyMs, bargeInMs }: StepResult): string[] {
  const parts = [
    ...(latencyMs === undefined ? [] : [`answered after ${latencyMs} ms`]),
    ...(bargeInMs === undefined ? [] : [`the agent fell silent after ${bargeInMs} ms`]),
  ];
  return parts.length === 0 ? [] : [`step ${index} (${step}): ${parts.join(", ")}`];
}
