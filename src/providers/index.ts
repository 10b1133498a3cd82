import { anthropic } from "./llm/anthropic.ts";
import { openai } from "./llm/openai.ts";
import { scripted } from "./llm/scripted.ts";
import type { ProviderModule, Stage } from "./module.ts";
import { realtime } from "./speech/realtime.ts";
import { assemblyai } from "./stt/assemblyai.ts";
import { deepgram } from "./stt/deepgram.ts";
import { flux } from "./stt/flux.ts";
import { openaiTranscription } from "./stt/openai-transcription.ts";
import { pocketsphinx } from "./stt/pocketsphinx.ts";
import { sherpa } from "./stt/sherpa.ts";
import { vosk } from "./stt/vosk.ts";
import { wyoming } from "./stt/wyoming.ts";
import { aura } from "./tts/aura.ts";
import { cartesia } from "./tts/cartesia.ts";
import { elevenlabs } from "./tts/elevenlabs.ts";
import { flite } from "./tts/flite.ts";
import { openaiSpeech } from "./tts/openai-speech.ts";
import { sherpaVoice } from "./tts/sherpa.ts";
import { wyomingVoice } from "./tts/wyoming.ts";
import { fvad } from "./vad/fvad.ts";
import { silero } from "./vad/silero.ts";

export type { ProviderContext, ProviderModule, Stage, StagePort } from "./module.ts";

type Registry = { readonly [S in Stage]: Readonly<Record<string, ProviderModule<S>>> };

/** Every provider there is, by stage and by the name that the configuration calls it: one line each. */
export const providers = {
  vad: { fvad, silero },
  stt: { pocketsphinx, sherpa, deepgram, flux, assemblyai, "openai-transcription": openaiTranscription, vosk, wyoming },
  llm: { anthropic, openai, scripted },
  tts: { aura, cartesia, elevenlabs, flite, "openai-speech": openaiSpeech, sherpa: sherpaVoice, wyoming: wyomingVoice },
  speech: { realtime },
} as const satisfies Registry;
