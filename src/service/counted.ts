import {
  type LanguageModel,
  ProviderError,
  type SpeechToSpeech,
  type SpeechToText,
  type TextToSpeech,
  type TurnModel,
} from "../conversation/providers.ts";
import type { Stage } from "../providers/module.ts";

export type Count = (provider: string, result: string) => void;

// The same providers, with every request counted by how it ended: "ok", "cancelled", or the code of what went wrong.

export const countModel = (model: LanguageModel, name: string, count: Count): LanguageModel => ({
  ...rest(model),
  ...(model.connect && { connect: model.connect.bind(model) }),
  reply: (messages, options) => counted(model.reply(messages, options), { name, stage: "llm", count, ...options }),
});

export const countVoice = (voice: TextToSpeech, name: string, count: Count): TextToSpeech => ({
  ...rest(voice),
  ...(voice.connect && { connect: voice.connect.bind(voice) }),
  speak: (text, options) => counted(voice.speak(text, options), { name, stage: "tts", count, ...options }),
  // What is at hand is no request.
  ...(voice.kept && { kept: voice.kept.bind(voice) }),
  ...(voice.prepare && { prepare: voice.prepare.bind(voice) }),
});

/** A recogniser is asked once a call; it has failed when it is lost before the call's end. */
export const countEar = (ear: SpeechToText, name: string, count: Count): SpeechToText => ({
  ...rest(ear),
  ...(ear.connect && { connect: ear.connect.bind(ear) }),
  ...(ear.prepare && { prepare: ear.prepare.bind(ear) }),
  open(options) {
    const hearing = opened(() => ear.open(options), name, count);
    const transcripts = counted(hearing.transcripts, { name, stage: "stt", count, ...options });
    return { push: (frame) => hearing.push(frame), finish: () => hearing.finish(), transcripts };
  },
});

/** A dialogue is asked for once a call, likewise. */
export const countSpeech = (speech: SpeechToSpeech, name: string, count: Count): SpeechToSpeech => ({
  ...rest(speech),
  open(options) {
    const { events, signal } = options;
    let over = false;
    const tell = (result: string): void => {
      if (!over) count(name, result);
      over = true;
    };
    signal.addEventListener("abort", () => tell("ok"), { once: true });
    const lost = (error: ProviderError): void => {
      tell(error.code);
      events.lost(error);
    };
    return opened(() => speech.open({ ...options, events: { ...events, lost } }), name, count);
  },
});

export const countTurn = (model: TurnModel, count: Count): TurnModel => ({
  ...rest(model),
  async judge(sound, signal) {
    try {
      const probability = await model.judge(sound, signal);
      count(model.name, "ok");
      return probability;
    } catch (error) {
      // A caller who goes on, or whose call is over, needs no answer any more.
      count(model.name, signal.aborted && !(signal.reason instanceof ProviderError) ? "cancelled" : resultOf(error));
      throw error;
    }
  },
});

function opened<T>(open: () => T, name: string, count: Count): T {
  try {
    return open();
  } catch (error) {
    count(name, resultOf(error));
    throw error;
  }
}

const rest = (provider: { readonly name: string; close(): Promise<void> }) => ({
  name: provider.name,
  close: () => provider.close(),
});

async function* counted<T>(
  parts: AsyncIterable<T>,
  { name, stage, count, signal }: { name: string; stage: Stage; count: Count; signal: AbortSignal },
): AsyncGenerator<T, void> {
  let told = false;
  const tell = (result: string): void => {
    if (!told) count(name, result);
    told = true;
  };
  // Whoever gave it up says why: it was too slow, for example. At once, because one that hangs may never notice.
  const onAbort = (): void => tell(isGivenUp(signal.reason, stage) ? signal.reason.code : "cancelled");
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* parts;
    if (!signal.aborted) tell("ok");
  } catch (error) {
    if (!signal.aborted) tell(resultOf(error));
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    // What is left early, by whoever listens, was cancelled too.
    if (signal.aborted) onAbort();
    else tell("cancelled");
  }
}

const resultOf = (error: unknown): string => (error instanceof ProviderError ? error.code : "failed");

const STAGES: readonly string[] = ["stt", "llm", "tts"] satisfies Stage[];

/** A reply that gives its voice up for being too slow names the stage, and has nothing against its model. */
const isGivenUp = (reason: unknown, stage: Stage): reason is ProviderError =>
  reason instanceof ProviderError && (reason.provider === stage || !STAGES.includes(reason.provider));
