import { setImmediate } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { describe, expect, test } from "vitest";
import { type SampleRate, samplesPerFrame } from "../../../src/audio/frame.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { loadFvad } from "../../../src/providers/vad/fvad-library.ts";
import { silero } from "../../../src/providers/vad/silero.ts";
import { SileroDetector } from "../../../src/providers/vad/silero-detector.ts";
import { SileroModel } from "../../../src/providers/vad/silero-model.ts";
import { SileroNet } from "../../../src/providers/vad/silero-net.ts";
import { Questions } from "../../../src/providers/vad/silero-questions.ts";
import { readSileroWeights } from "../../../src/providers/vad/silero-weights.ts";
import type { SileroVerdict } from "../../../src/providers/vad/silero-worker.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { context } from "../contract/context.ts";
import { describeVoiceActivity } from "../contract/vad.ts";
import { rattle, speechAt } from "../support/sounds.ts";

// Frames come when they come on a call, because the verdicts come from another thread meanwhile.
describeVoiceActivity("silero", {
  create: () => silero.create(silero.schema.parse({}), context),
  pace: () => systemClock.sleep(20),
});

const library = loadFvad();
const model = new SileroModel(readSileroWeights()[8000]);
const options = { rate: 8000, onsetMs: 40, hangMs: 160, threshold: 0.4 } as const;

/** A detector whose network answers between two frames ("here"), never ("dead"), or was refused the question ("gone"). */
function detectorWith(network: "here" | "dead" | "gone") {
  const net = new SileroNet(model);
  const answers: { serial: number; speech: number }[] = [];
  let asked = 0;
  const detector = new SileroDetector({
    ...options,
    fvad: library.open({ rate: 8000, mode: 3 }),
    ask(windows, { serial, restart }) {
      asked++;
      if (network === "here") {
        if (restart) net.reset();
        let speech = 0;
        for (let at = 0; at < windows.length; at += 256) speech = net.next(windows, at);
        answers.push({ serial, speech });
      }
      return network !== "gone";
    },
    onClose: () => {},
  });
  const edges = (pcm: Int16Array, rate: SampleRate = 8000) => {
    const found: string[] = [];
    for (let at = 0; at + 160 <= pcm.length; at += samplesPerFrame(rate)) {
      const edge = detector.push({ pcm: pcm.subarray(at, at + 160), rate });
      for (const { serial, speech } of answers.splice(0)) detector.verdict(serial, speech);
      if (edge) found.push(`${edge} ${at / 8 + 20}`);
    }
    return found;
  };
  return { detector, edges, asked: () => asked };
}

const simpleEdges = (pcm: Int16Array): number => {
  const fvad = library.open({ rate: 8000, mode: 3 });
  let voiced = 0;
  for (let at = 0; at + 160 <= pcm.length; at += 160) voiced += fvad.voiced(pcm.subarray(at, at + 160)) ? 1 : 0;
  fvad.free();
  return voiced;
};

describe("Silero behind fvad", () => {
  test("a rattling handset does not interrupt the agent, although fvad alone would let it", () => {
    const pcm = rattle({ rate: 8000, ms: 10_000 });
    expect(simpleEdges(pcm)).toBeGreaterThan(50);
    expect(detectorWith("here").edges(pcm)).toEqual([]);
  });

  test("the caller's first word is believed within 100 ms", () => {
    const { pcm } = speechAt({ rate: 8000, text: "Where can I park my car?", beforeMs: 400, afterMs: 600 });
    const [first] = detectorWith("here").edges(pcm);
    const atMs = Number(first?.split(" ")[1]);
    expect(atMs).toBeGreaterThan(400);
    expect(atMs).toBeLessThanOrEqual(500);
  });

  test.each(["dead", "gone"] as const)(
    "with a network that is %s, the caller is still heard, and the end of the words too",
    (network) => {
      const { pcm } = speechAt({ rate: 8000, text: "Where can I park my car?", beforeMs: 400, afterMs: 600 });
      const found = detectorWith(network).edges(pcm);
      expect(found.map((edge) => edge.split(" ")[0])).toEqual(["speech", "silence"]);
      expect(Number(found[0]?.split(" ")[1])).toBeLessThanOrEqual(600);
    },
  );

  test("a network that dies in mid-sentence does not end the sentence", () => {
    const { pcm, endMs } = speechAt({ rate: 8000, text: "Where can I park my car?", beforeMs: 400, afterMs: 600 });
    const { detector, edges } = detectorWith("here");
    const half = Math.floor((400 + (endMs - 400) / 2) / 20) * 160;
    expect(edges(pcm.subarray(0, half))).toHaveLength(1);
    detector.lost();
    const rest = edges(pcm.subarray(half));
    expect(rest.map((edge) => edge.split(" ")[0])).toEqual(["silence"]);
    expect(half / 8 + Number(rest[0]?.split(" ")[1])).toBeGreaterThan(endMs);
  });

  test("a network that is slow to answer is not asked the next question before", () => {
    const { pcm } = speechAt({ rate: 8000, text: "Where can I park my car?", beforeMs: 400, afterMs: 600 });
    const { edges, asked } = detectorWith("dead");
    edges(pcm);
    expect(asked()).toBe(1);
  });

  test("on a silent line nobody is asked", () => {
    const { edges, asked } = detectorWith("here");
    edges(new Int16Array(8000 * 5));
    expect(asked()).toBe(0);
  });
});

test("the thread says what the network says, for two callers whose windows alternate", async () => {
  const worker = new Worker(new URL("../../../src/providers/vad/silero-worker.ts", import.meta.url));
  const { pcm } = speechAt({ rate: 8000, text: "Hello there.", beforeMs: 0, afterMs: 0 });
  const quiet = new Int16Array(256);
  const windows = Array.from({ length: 12 }, (_, i) => pcm.slice(i * 256, i * 256 + 256));
  const verdicts: SileroVerdict[] = [];
  let messages = 0;
  const all = new Promise<void>((resolve, reject) => {
    worker.on("error", reject);
    worker.on("message", (answers: SileroVerdict[]) => {
      if (verdicts.push(...answers) === windows.length * 2) resolve();
    });
  });
  const clock = new VirtualClock();
  const questions = new Questions((message) => {
    worker.postMessage(message);
    messages += 1;
    return true;
  }, clock);
  for (const [serial, window] of windows.entries()) {
    for (const [detector, sound] of [
      [1, window],
      [2, quiet],
    ] as const)
      questions.ask({ detector, rate: 8000, serial, restart: serial === 0 }, sound);
    // What is asked in one round of the event loop goes in one message.
    if (serial % 3 === 2) await setImmediate();
  }
  await all;
  expect(messages).toBe(4);
  await worker.terminate();
  const net = new SileroNet(model);
  const expected = windows.map((window) => net.next(window));
  expect(verdicts.filter(({ detector }) => detector === 1).map(({ speech }) => speech)).toEqual(expected);
  expect(Math.max(...expected)).toBeGreaterThan(0.9);
  expect(verdicts.filter(({ detector }) => detector === 2).every(({ speech }) => speech < 0.2)).toBe(true);
});

test("what can wait for the network goes along with what cannot, or is asked in time for the next frame", async () => {
  const clock = new VirtualClock();
  const sent: number[][] = [];
  const questions = new Questions((message) => {
    sent.push(message.questions.map(({ serial }) => serial));
    return true;
  }, clock);
  const ask = (serial: number, canWait: boolean): boolean =>
    questions.ask({ detector: 1, rate: 8000, serial, restart: false }, new Int16Array(256), { canWait });
  ask(1, true);
  ask(2, true);
  await setImmediate();
  expect(sent).toEqual([]);
  ask(3, false);
  ask(4, true);
  await setImmediate();
  expect(sent).toEqual([[1, 2, 3, 4]]);
  ask(5, true);
  await clock.advance(10);
  expect(sent).toEqual([[1, 2, 3, 4], [5]]);
  expect(clock.pending).toBe(0);
});
