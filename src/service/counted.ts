import type { Metrics } from "../base/metrics.ts";
import type { ConversationProviders } from "../conversation/conversation.ts";
import { type LanguageModel, ProviderError, type SpeechToText, type TextToSpeech } from "../conversation/providers.ts";

type Count = (provider: string, result: string) => void;

/** The same providers, with every request counted by how it ended: "ok", "cancelled", or the code of what went wrong. */
export function countRequests(providers: ConversationProviders, metrics: Metrics): ConversationProviders {
  const count: Count = (provider, result) => metrics.providerRequests.inc({ provider, result });
  return {
    vad: providers.vad,
    stt: countEar(providers.stt, count),
    llm: countModel(providers.llm, count),
    tts: countVoice(providers.tts, count),
  };
}

const countModel = (model: LanguageModel, count: Count): LanguageModel => ({
  name: model.name,
  reply: (messages, options) => counted(model.reply(messages, options), { name: model.name, count, ...options }),
  close: () => model.close(),
});

const countVoice = (voice: TextToSpeech, count: Count): TextToSpeech => ({
  name: voice.name,
  speak: (text, options) => counted(voice.speak(text, options), { name: voice.name, count, ...options }),
  ...(voice.prepare && { prepare: voice.prepare.bind(voice) }),
  close: () => voice.close(),
});

/** A recogniser is asked once a call; it has failed when it is lost before the call's end. */
const countEar = (ear: SpeechToText, count: Count): SpeechToText => ({
  name: ear.name,
  ...(ear.prepare && { prepare: ear.prepare.bind(ear) }),
  open(options) {
    const hearing = ear.open(options);
    const transcripts = counted(hearing.transcripts, { name: ear.name, count, ...options });
    return { push: (frame) => hearing.push(frame), finish: () => hearing.finish(), transcripts };
  },
  close: () => ear.close(),
});

async function* counted<T>(
  parts: AsyncIterable<T>,
  { name, count, signal }: { name: string; count: Count; signal: AbortSignal },
): AsyncGenerator<T, void> {
  // What is left early, by whoever listens, was cancelled too.
  let result = "cancelled";
  try {
    yield* parts;
    if (!signal.aborted) result = "ok";
  } catch (error) {
    if (!signal.aborted) result = error instanceof ProviderError ? error.code : "failed";
    throw error;
  } finally {
    count(name, result);
  }
}
