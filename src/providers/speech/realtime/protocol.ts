import { z } from "zod";
import type { SampleRate } from "../../../audio/frame.ts";
import type { SpeechToSpeech, ToolDefinition } from "../../../conversation/providers.ts";
import type { Coding } from "../../tts/live/sound.ts";
import type { RealtimeOptions } from "./options.ts";

export type Opening = Omit<Parameters<SpeechToSpeech["open"]>[0], "events" | "signal">;

const tokens = z.object({
  input_tokens: z.number().nullish(),
  output_tokens: z.number().nullish(),
  input_token_details: z.object({ cached_tokens: z.number().nullish() }).nullish(),
});

/** What is read of the server's events, of both protocols. All else is of no consequence here. */
export const serverEvent = z.object({
  type: z.string(),
  item_id: z.string().nullish(),
  response_id: z.string().nullish(),
  delta: z.string().nullish(),
  transcript: z.string().nullish(),
  response: z
    .object({
      id: z.string().nullish(),
      status: z.string().nullish(),
      status_details: z
        .object({
          reason: z.string().nullish(),
          error: z.object({ type: z.string().nullish(), code: z.string().nullish() }).nullish(),
        })
        .nullish(),
      usage: tokens.nullish(),
    })
    .nullish(),
  item: z
    .object({
      id: z.string().nullish(),
      type: z.string().nullish(),
      call_id: z.string().nullish(),
      name: z.string().nullish(),
      arguments: z.string().nullish(),
    })
    .nullish(),
  error: z.object({ type: z.string().nullish(), code: z.string().nullish(), message: z.string().nullish() }).nullish(),
});

export type ServerEvent = z.output<typeof serverEvent>;

const PCM_HZ = 24_000;

/** G.711 goes as it comes; PCM the server takes at one rate alone. */
export const codingOf = ({ coding }: RealtimeOptions, rate: SampleRate): Coding =>
  coding === "mulaw" && rate === 8000 ? { kind: "mulaw", rate } : { kind: "pcm", rate: PCM_HZ };

const SILENCE_MS = 300;

/**
 * `session.update`, as `openai` 7.57.0 describes the API in its `resources/realtime/realtime.d.ts` (autumn 2026), and, as `beta`,
 * what the vendor had before August 2025 and compatible servers have still. Whether the server listens for turns or not: it never
 * answers, and never falls silent, by itself.
 */
export function sessionUpdate(options: RealtimeOptions, opening: Opening): object {
  return { type: "session.update", session: options.protocol === "ga" ? ga(options, opening) : beta(options, opening) };
}

function ga(options: RealtimeOptions, opening: Opening): object {
  const coding = codingOf(options, opening.rate);
  const format = coding.kind === "mulaw" ? { type: "audio/pcmu" } : { type: "audio/pcm", rate: coding.rate };
  return {
    type: "realtime",
    output_modalities: ["audio"],
    instructions: opening.instructions,
    audio: {
      input: { format, transcription: transcriptionOf(options, opening), turn_detection: turnsOf(options) },
      output: { format, ...voiceOf(options, opening) },
    },
    ...toolsOf(opening.tools),
  };
}

function beta(options: RealtimeOptions, opening: Opening): object {
  const format = codingOf(options, opening.rate).kind === "mulaw" ? "g711_ulaw" : "pcm16";
  return {
    modalities: ["audio", "text"],
    instructions: opening.instructions,
    input_audio_format: format,
    output_audio_format: format,
    input_audio_transcription: transcriptionOf(options, opening),
    turn_detection: turnsOf(options),
    ...voiceOf(options, opening),
    ...toolsOf(opening.tools),
    ...(options.temperature !== undefined && { temperature: options.temperature }),
  };
}

function transcriptionOf({ transcription: model }: RealtimeOptions, { language, hints }: Opening): object {
  // Words to be expected; the one model that takes none refuses them.
  const prompt = hints.length === 0 || model.includes("realtime-whisper") ? {} : { prompt: hints.join(", ") };
  return { model, language: language.slice(0, 2), ...prompt };
}

const turnsOf = ({ serverVad }: RealtimeOptions): object | null =>
  serverVad
    ? { type: "server_vad", silence_duration_ms: SILENCE_MS, create_response: false, interrupt_response: false }
    : null;

const voiceOf = (options: RealtimeOptions, { voice }: Opening): object => {
  const chosen = voice || options.voice;
  return chosen === "" ? {} : { voice: chosen };
};

const toolsOf = (tools: readonly ToolDefinition[]): object => ({
  tools: tools.map((tool) => ({ type: "function", ...tool })),
  tool_choice: tools.length === 0 ? "none" : "auto",
});

/** Asks for an answer, or for one sentence in the model's own voice. */
export const responseCreate = (say: string | undefined): object =>
  say === undefined
    ? { type: "response.create" }
    : {
        type: "response.create",
        response: {
          instructions: `Say exactly the following to the caller, word for word, and nothing else: ${say}`,
          tool_choice: "none",
        },
      };

export const userText = (text: string): object => ({
  type: "conversation.item.create",
  item: { type: "message", role: "user", content: [{ type: "input_text", text }] },
});

export const toolResult = (id: string, output: string): object => ({
  type: "conversation.item.create",
  item: { type: "function_call_output", call_id: id, output },
});
