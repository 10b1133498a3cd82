import type { SampleRate } from "../audio/frame.ts";
import type { Agent } from "../conversation/agent.ts";
import type { ConversationProviders } from "../conversation/conversation-providers.ts";

// As both PBXs name them. Whatever else there is carries more.
const NARROW = /^(|ulaw|alaw|pcmu|pcma|gsm|g\.?72[369].*|ilbc|slin|l16|lpc10|adpcm|speex)$/i;

/** What a call's sound is going to be, by the codec that its PBX names: known at ring, before there is any. */
export const rateOfCodec = (codec: string): SampleRate => (NARROW.test(codec) ? 8000 : 16_000);

/** Connections are opened while the call is being answered: nobody waits for them, and what fails shows when it is needed. */
export function connectAhead(
  { voice, language, hints }: Agent,
  { stt, llm, tts }: Pick<ConversationProviders, "stt" | "llm" | "tts">,
  { rate, signal }: { rate: SampleRate; signal: AbortSignal },
): void {
  void Promise.allSettled([
    stt.connect?.({ rate, language, hints, signal }),
    llm.connect?.({ signal }),
    tts.connect?.({ voice, language, rate, signal }),
  ]);
}
