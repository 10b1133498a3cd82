import { readdirSync, readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { samplesPerFrame } from "../../../src/audio/frame.ts";
import type { Hearing, SpeechToText, Transcript } from "../../../src/conversation/providers.ts";
import { createMatcher } from "../../../src/providers/llm/scripted/match.ts";
import { hintsOf } from "../../../src/providers/llm/scripted/script.ts";
import { pocketsphinx } from "../../../src/providers/stt/pocketsphinx.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { overTheTelephone, receptionScript } from "./telephone.ts";

const script = receptionScript();
const hints = hintsOf(script, "en");
const create = (options: object = {}): SpeechToText => pocketsphinx.create(pocketsphinx.schema.parse(options), context);

describeSpeechToText("pocketsphinx", {
  create,
  rate: 8000,
  hints,
  speech: () => overTheTelephone("sorry where can I park my car"),
  word: "park",
});

let stt: SpeechToText;
let over = new AbortController();
beforeAll(() => {
  stt = create();
});
afterEach(() => {
  over.abort();
  over = new AbortController();
});
afterAll(() => stt.close());

const open = (from = stt): Hearing => from.open({ rate: 8000, language: "en", hints, signal: over.signal });

function push(hearing: Hearing, pcm: Int16Array): void {
  const samples = samplesPerFrame(8000);
  for (let at = 0; at + samples <= pcm.length; at += samples)
    hearing.push({ pcm: pcm.subarray(at, at + samples), rate: 8000 });
}

async function until(hearing: Hearing, found: (transcript: Transcript) => boolean): Promise<Transcript[]> {
  const transcripts: Transcript[] = [];
  for await (const transcript of hearing.transcripts) {
    transcripts.push(transcript);
    if (found(transcript)) break;
  }
  return transcripts;
}
const isFinal = ({ final }: Transcript): boolean => final;

async function ask(text: string, voice?: string): Promise<Transcript[]> {
  const hearing = open();
  push(hearing, overTheTelephone(text, voice));
  hearing.finish();
  return until(hearing, isFinal);
}

/** The listening processes of this one, as the kernel has them. */
function listeners(): number[] {
  const children = readdirSync("/proc/self/task").flatMap((task) =>
    readFileSync(`/proc/self/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
  );
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("pocketsphinx/child"));
}

test.each([
  ["hours", "could you tell me when you are open on saturday", "rms"],
  ["parking", "sorry where can I park my car", "rms"],
  ["person", "can I speak to a human please", "rms"],
  ["appointment", "hello I need an appointment with the doctor", "rms"],
  ["hours", "could you tell me when you are open on saturday", "slt"],
  ["parking", "sorry where can I park my car", "slt"],
  ["person", "can I speak to a human please", "slt"],
])("a caller who asks for %s in words of their own is understood: %s (%s)", async (intent, text, voice) => {
  const final = (await ask(text, voice)).at(-1);
  expect(createMatcher(script)(final?.text ?? "")?.intent.name).toBe(intent);
});

test("a caller who talks of something else is not taken for a patient", async () => {
  const final = (await ask("the stock market fell by three percent")).at(-1);
  expect(createMatcher(script)(final?.text ?? "")).toBeUndefined();
});

test("the caller's words show while they speak", async () => {
  const hearing = open();
  push(hearing, overTheTelephone("can I speak to a human please"));
  const [first] = await until(hearing, ({ text }) => text.split(" ").length > 2);
  expect(first?.final).toBe(false);
  expect(first?.text).not.toBe("");
});

test("times count from the opening of the hearing", async () => {
  const hearing = open();
  push(hearing, new Int16Array(8000));
  const pcm = overTheTelephone("what are your opening hours");
  push(hearing, pcm);
  hearing.finish();
  const final = (await until(hearing, isFinal)).at(-1);
  expect(final?.startMs).toBeGreaterThan(1200);
  expect(final?.startMs).toBeLessThan(1500);
  expect(final?.endMs).toBeLessThan(1000 + pcm.length / 8);
});

test("a crash of the listening process costs neither the call nor what was said", async () => {
  const hearing = open();
  const pcm = overTheTelephone("sorry where can I park my car");
  push(hearing, pcm.subarray(0, pcm.length >> 1));
  // A word shows: the process is in the middle of it.
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  await transcripts.next();
  const [pid] = listeners();
  expect(pid).toBeDefined();
  if (pid !== undefined) process.kill(pid, "SIGKILL");
  push(hearing, pcm.subarray(pcm.length >> 1));
  hearing.finish();
  let final: Transcript | undefined;
  while (!final?.final) {
    const next = await transcripts.next();
    if (next.done) break;
    final = next.value;
  }
  expect(final?.text).toContain("where can I park");
});

test("after the service has closed it, no process of it is left", async () => {
  const before = listeners();
  const own = create();
  const hearing = open(own);
  expect(listeners()).toHaveLength(before.length + 1);
  push(hearing, overTheTelephone("what are your opening hours"));
  await own.close();
  expect(listeners()).toEqual(before);
});

test("a machine without the model says what to install", async () => {
  const own = create({ folder: "/nonexistent" });
  const hearing = open(own);
  await expect(until(hearing, isFinal)).rejects.toMatchObject({
    code: "missing",
    message: expect.stringContaining("apt-get install -y pocketsphinx pocketsphinx-en-us"),
  });
  await own.close();
});

test("more calls than it may listen to are refused, and say so", async () => {
  const own = create({ callsPerProcess: 1, maxProcesses: 1 });
  open(own);
  await expect(until(open(own), isFinal)).rejects.toMatchObject({ code: "overloaded" });
  await own.close();
});

test("another language is refused at once", () => {
  expect(() => stt.open({ rate: 8000, language: "de", hints, signal: over.signal })).toThrow("English only");
});
