/**
 * A process of its own: the fake Asterisk with many callers, whose frames leave on a grid of 20 ms spread over all calls. The
 * bench starts it and speaks to it over the channel of processes.
 */

import { randomSource } from "../../src/caller/noise.ts";
import { FakeAsterisk } from "../../test/fakes/asterisk/fake-asterisk.ts";
import { LoadCall, type LoadCounts } from "./load-call.ts";
import type { FromGenerator, LoadOrder, LoadReport, ToGenerator } from "./protocol.ts";
import { silence, utterance } from "./utterance.ts";
import { QUESTION } from "./words.ts";

const SLOTS = 20;
const READY_MS = 10_000;
const MAX_SAMPLES = 2_000_000;

const pbx = new FakeAsterisk();
const now = (): number => performance.now();
const calls: LoadCall[] = [];
const ownLateMs: number[] = [];
let counts: LoadCounts = emptyCounts();

function emptyCounts(): LoadCounts {
  return { measuring: false, turns: 0, unanswered: 0, overheadMs: [], bargeInMs: [], frameLateMs: [] };
}

/** Every millisecond the calls of one of twenty slots move a frame; what was missed is made up for at once. */
function pace(): void {
  const startMs = now();
  let tick = 0;
  const run = (): void => {
    for (let dueMs = startMs + tick; dueMs <= now(); dueMs = startMs + ++tick) {
      let moved = false;
      for (let at = tick % SLOTS; at < calls.length; at += SLOTS) {
        calls[at]?.tick(dueMs);
        moved = true;
      }
      if (moved && counts.measuring && ownLateMs.length < MAX_SAMPLES) ownLateMs.push(now() - dueMs);
    }
    setTimeout(run, Math.max(0, startMs + tick - now()));
  };
  run();
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function load(order: LoadOrder): Promise<LoadReport> {
  const rate = order.wideband ? 16_000 : 8000;
  const [question, quiet] = [utterance(QUESTION, rate), silence(rate)];
  counts = emptyCounts();
  ownLateMs.length = 0;
  const random = randomSource(order.calls);
  const dial = (): LoadCall => {
    const call = pbx.dial({ to: order.to, codec: order.wideband ? "g722" : "ulaw", moved: true });
    return new LoadCall({ call, order, question, silence: quiet, counts, random, now });
  };
  for (let index = 0; index < order.calls; index += 1) {
    calls.push(dial());
    await sleep(1000 / order.arrivals);
  }
  // Everybody has had an answer, or never will.
  const ready = ({ heard, answers }: LoadCall): boolean => (order.atOnce ? heard : answers > 0);
  for (let waited = 0; waited < READY_MS && !calls.every(ready); waited += 100) {
    await sleep(100);
    // A cold worker on a busy machine may be too late for a call; that is a figure, but not a try-out's.
    const lost = order.atOnce ? calls.findIndex(({ call }) => call.place === "menu") : -1;
    if (lost < 0) continue;
    calls.splice(lost, 1, dial())[0]?.call.hangUp();
  }
  counts.measuring = true;
  tell({ type: "measuring" });
  await sleep(order.measureMs);
  counts.measuring = false;
  const greeted = calls.filter(({ heard }) => heard).length;
  return { calls: order.calls, greeted, ...counts, ownLateMs: [...ownLateMs] };
}

async function hangUp(): Promise<void> {
  for (const { call } of calls.splice(0)) {
    call.hangUp();
    await sleep(5);
  }
}

function tell(message: FromGenerator): void {
  process.send?.(message);
}

process.on("message", (message: ToGenerator) => {
  const work =
    message.type === "load"
      ? load(message.order).then((report) => tell({ type: "measured", report }))
      : hangUp().then(() => tell({ type: "idle" }));
  work.catch((error: unknown) => {
    process.stderr.write(`the load generator failed: ${String(error)}\n`);
    process.exit(1);
  });
});
process.on("disconnect", () => process.exit(0));

await pbx.start();
pace();
const host = "127.0.0.1";
tell({
  type: "up",
  ari: { url: `ws://${host}:${pbx.port}`, user: "sidetone", password: pbx.ariPassword },
  ami: { host, port: pbx.ami.port, user: "sidetone", password: pbx.amiPassword },
});
