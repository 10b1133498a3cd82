import type { z } from "zod";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type {
  LanguageModel,
  SpeechToSpeech,
  SpeechToText,
  TextToSpeech,
  VoiceActivity,
} from "../conversation/providers.ts";

/** `speech`: a model that hears and speaks itself, in place of the three. */
export type Stage = "vad" | "stt" | "llm" | "tts" | "speech";

export interface StagePort {
  vad: VoiceActivity;
  stt: SpeechToText;
  llm: LanguageModel;
  tts: TextToSpeech;
  speech: SpeechToSpeech;
}

export interface ProviderContext {
  readonly clock: Clock;
  readonly log: Log;
  /** What the configuration calls this provider. Absent: its type's name. */
  readonly name?: string;
  /** A folder that the service may write to. Absent: nothing is kept on disk. */
  readonly cacheDir?: string;
}

/**
 * What one provider's file exports: the registry has one line for it, the configuration takes its schema.
 * Importing the file is cheap; libraries, models and threads are loaded by `create` or later.
 */
export interface ProviderModule<S extends Stage, Schema extends z.ZodType = z.ZodType> {
  readonly stage: S;
  readonly name: string;
  /** The options below the provider's name in the configuration: a strict object, every key with a default or a description. */
  readonly schema: Schema;
  /** The languages it knows, without their regions ("en"), where it says nothing of others but does them badly. Absent: it says so itself. */
  readonly languages?: readonly string[];
  /** Where audio or text goes, for people to read ("api.example.com"); undefined: it stays on this host. */
  leavesHost(options: z.output<Schema>): string | undefined;
  create(options: z.output<Schema>, context: ProviderContext): StagePort[S];
}
