import type { SampleRate } from "../audio/frame.ts";
import type { Agent } from "./agent.ts";
import type { TextToSpeech } from "./providers.ts";
import { Sentences } from "./sentences.ts";

/** The pieces that a fixed text is spoken in: the same as in a reply, so that a cache finds them. */
export function piecesOf(text: string): string[] {
  const sentences = new Sentences();
  return [...sentences.push(text), ...sentences.end()];
}

/** Has a voice that keeps what it said make ready all that the agent says of itself: its first sound then comes at once. */
export async function warmVoice({
  agent,
  tts,
  rates,
  signal,
}: {
  agent: Agent;
  tts: TextToSpeech;
  rates: readonly SampleRate[];
  signal: AbortSignal;
}): Promise<void> {
  const { greeting, prompts, collectors, texts: more, voice, language } = agent;
  const texts = [
    greeting,
    ...prompts.noInput,
    ...prompts.filler,
    prompts.apology,
    prompts.goodbye,
    prompts.transfer,
    `${prompts.interrupted} ${prompts.goOn}`,
    prompts.interrupted,
    ...collectors.map(({ ask }) => ask),
    ...more,
  ].flatMap(piecesOf);
  for (const rate of rates) {
    if (signal.aborted) return;
    await tts.prepare?.(texts, { voice, language, rate, signal });
  }
}
