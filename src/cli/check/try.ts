import { FRAME_MS, type Frame, samplesPerFrame } from "../../audio/frame.ts";
import type { StagePort } from "../../providers/module.ts";
import type { Wish } from "./wishes.ts";

const RATE = 8000;
const SILENCE: Frame = { pcm: new Int16Array(samplesPerFrame(RATE)), rate: RATE };

interface Trial {
  readonly wish: Wish;
  readonly signal: AbortSignal;
}

/** Uses a provider once, as a call of these agents would. Rejects with the provider's own error. */
export async function tryOnce(stage: keyof StagePort, made: { close(): Promise<void> }, trial: Trial): Promise<void> {
  // The stage of a module says which port it has made.
  switch (stage) {
    case "vad":
      return watchOnce(made as StagePort["vad"]);
    case "stt":
      return await listenOnce(made as StagePort["stt"], trial);
    case "tts":
      return await speakOnce(made as StagePort["tts"], trial);
    case "speech":
      return await talkOnce(made as StagePort["speech"], trial);
    case "llm":
      return await askOnce(made as StagePort["llm"], trial);
  }
}

/** To its first sound: that needs the connection, the settings and the model. */
async function talkOnce(model: StagePort["speech"], { wish, signal: outer }: Trial): Promise<void> {
  const { language, voice, hints } = wish;
  const abort = new AbortController();
  const signal = AbortSignal.any([outer, abort.signal]);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  outer.addEventListener("abort", () => reject(outer.reason), { once: true });
  const nothing = (): void => {};
  try {
    const events = { speech: nothing, words: nothing, usage: nothing, lost: reject };
    const dialogue = model.open({ rate: RATE, instructions: "", language, voice, hints, tools: [], events, signal });
    dialogue.reply({ say: "Hello.", events: { audio: () => resolve(), words: nothing, tool: nothing, done: resolve } });
    await promise;
  } finally {
    abort.abort();
  }
}

function watchOnce(activity: StagePort["vad"]): void {
  const detector = activity.open({ rate: RATE });
  detector.push(SILENCE);
  detector.close();
}

async function listenOnce(ear: StagePort["stt"], { wish, signal: outer }: Trial): Promise<void> {
  const { language, hints } = wish;
  const abort = new AbortController();
  const signal = AbortSignal.any([outer, abort.signal]);
  try {
    // Silence alone is answered without the program that understands: this is what needs it.
    await ear.prepare?.({ rate: RATE, language, hints, signal });
    const hearing = ear.open({ rate: RATE, language, hints, signal });
    for (let ms = 0; ms < 400; ms += FRAME_MS) hearing.push(SILENCE);
    hearing.finish();
    for await (const { final } of hearing.transcripts) if (final) return;
    throw new Error("it ended without an answer");
  } finally {
    abort.abort();
  }
}

async function speakOnce(tongue: StagePort["tts"], { wish: { voice, language }, signal }: Trial): Promise<void> {
  for await (const _frame of tongue.speak(oneWord(), { voice, rate: RATE, language, signal })) return;
  throw new Error("it made no sound");
}

async function askOnce(model: StagePort["llm"], { signal }: Trial): Promise<void> {
  const question = [{ role: "user", content: "Answer with the word yes." }] as const;
  for await (const _part of model.reply(question, { tools: [], signal })) return;
  throw new Error("it gave no answer");
}

async function* oneWord(): AsyncGenerator<string> {
  yield "Hello.";
}
