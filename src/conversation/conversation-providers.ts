import type { TurnChoice } from "./completeness.ts";
import type { SpeechChoice } from "./dialogue.ts";
import type { LanguageModel, SpeechToText, TextToSpeech, VoiceActivity } from "./providers.ts";

/** Who hears one caller, and answers and speaks to them. */
export interface ConversationProviders {
  readonly vad: VoiceActivity;
  readonly stt: SpeechToText;
  readonly llm: LanguageModel;
  readonly tts: TextToSpeech;
  /** Models that hear and speak themselves, in place of the three: those go on when they fail. */
  readonly speech?: SpeechChoice;
  /** A model that judges by their sound whether callers have finished. */
  readonly turn?: TurnChoice;
}
