/**
 * The greeting and the barge-in where the caller is: at the RTP of a simulated caller who dials the real Asterisk.
 *
 *   bin/node bench/barge-in-call.ts [--calls N]
 */
import { parseArgs } from "node:util";
import { systemClock } from "../src/base/clock.ts";
import { silentLog } from "../src/base/log.ts";
import { framesOf } from "../src/caller/speech.ts";
import { jsonScreen } from "../src/cli/demo/screen.ts";
import { setStage } from "../src/cli/demo/stage.ts";
import { cough, INTERRUPTIONS, seeded, words } from "./sounds.ts";

const { values: options } = parseArgs({ options: { calls: { type: "string", default: "15" } } });
const random = seeded(5);
const abort = new AbortController();
process.once("SIGINT", () => abort.abort());
const { signal } = abort;
const screen = jsonScreen({ out: process.stderr, progress: process.stderr });
await using undo = new AsyncDisposableStack();
const { actors, service } = await setStage({ clock: systemClock, log: silentLog, screen, signal, undo });

let interruptions = 0;
async function count(): Promise<void> {
  for await (const event of service.events(signal))
    if (event.type === "turn" && event.turn.interrupted) interruptions += 1;
}
// Ends with the service.
count().catch(() => {});

interface Measured {
  readonly greetingMs: number;
  readonly bargeInMs: number | undefined;
  readonly stopped: boolean;
  readonly coughed: boolean;
}

async function oneCall(index: number): Promise<Measured> {
  const leg = await actors.caller.call(actors.number, { codec: "ulaw", signal });
  try {
    await leg.answered;
    const answeredMs = leg.times.answeredMs ?? leg.nowMs();
    const greetingMs = (await leg.heard.sound({ signal })) - answeredMs;
    await leg.heard.silence({ ms: 900, signal });
    const asked = await leg.say(actors.lines.hours, { signal });
    const sinceMs = await leg.heard.sound({ sinceMs: asked.lastSoundMs ?? leg.nowMs(), signal });
    await leg.heard.soundFor({ ms: 1_000, sinceMs, signal });
    const cleared = await leg.say(framesOf(cough(index + 1)), { signal });
    await systemClock.sleep(1_200, signal);
    // Back after the cough, and speaking.
    const coughed = leg.heard.current !== undefined && leg.heard.current.endMs > (cleared.lastSoundMs ?? 0) + 200;
    await systemClock.sleep(random() * 1_500, signal);
    const before = interruptions;
    const talking = leg.heard.current;
    const said = await leg.say(framesOf(words(INTERRUPTIONS[index % INTERRUPTIONS.length] ?? "Stop.")), { signal });
    const from = said.firstSoundMs ?? 0;
    // Held or ended: after 400 ms more the agent would be back.
    await systemClock.sleep(1_000, signal);
    const bargeInMs = talking && talking.endMs > from ? talking.endMs - from : undefined;
    return { greetingMs, bargeInMs, stopped: interruptions > before, coughed };
  } finally {
    await leg.hangUp();
  }
}

const percentile = (values: readonly number[], part: number): string =>
  ([...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? 0).toFixed(0);
const all: Measured[] = [];
for (let index = 0; index < Number(options.calls); index += 1) all.push(await oneCall(index));
const greetings = all.map(({ greetingMs }) => greetingMs);
const bargeIns = all.flatMap(({ bargeInMs }) => bargeInMs ?? []);
process.stdout.write(
  `greeting     n ${greetings.length}, p50 ${percentile(greetings, 0.5)}, p95 ${percentile(greetings, 0.95)} ms\n` +
    `barge-in     n ${bargeIns.length}, p50 ${percentile(bargeIns, 0.5)}, p95 ${percentile(bargeIns, 0.95)}, max ${percentile(bargeIns, 1)} ms\n` +
    `interrupted  ${all.filter(({ stopped }) => stopped).length}/${all.length}\n` +
    `went on after a cough ${all.filter(({ coughed }) => coughed).length}/${all.length}\n`,
);
