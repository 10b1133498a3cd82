import { z } from "zod";
import { ProviderError, type WordTime } from "../../../conversation/providers.ts";
import type { ContextEvent, ContextProtocol } from "../live/line.ts";
import type { ElevenLabsOptions } from "./options.ts";

/** What belongs to the connection, and cannot change on it. */
export interface ElevenLabsKind {
  readonly voice: string;
  readonly format: string;
  readonly language: string;
}

const alignment = z.object({
  chars: z.array(z.string()),
  charStartTimesMs: z.array(z.number()),
  charDurationsMs: z.array(z.number()),
});

const message = z.object({
  audio: z.string().nullish(),
  alignment: alignment.nullish(),
  contextId: z.string().nullish(),
  isFinal: z.boolean().nullish(),
  // Errors have no schema of their own in the description; this is what is seen before the connection is closed.
  error: z.string().nullish(),
  message: z.string().nullish(),
  code: z.number().nullish(),
});

/** The longest silence that the vendor can be asked to bear. */
const INACTIVITY_SECONDS = 180;

/**
 * https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input, as described in
 * autumn 2026. Each piece is whole: `auto_mode` has it spoken at once, without the buffer that waits for more words.
 */
export function elevenLabsProtocol(
  provider: string,
  { apiKey, baseUrl, model, stability, similarity, speed }: ElevenLabsOptions,
  { voice, format, language }: ElevenLabsKind,
): ContextProtocol {
  const query = new URLSearchParams({
    model_id: model,
    output_format: format,
    inactivity_timeout: String(INACTIVITY_SECONDS),
    sync_alignment: "true",
    auto_mode: "true",
    // Only the models of this generation take a language; the others hear it from the words.
    ...(/_v2_5$/.test(model) && { language_code: language }),
  });
  const settings = {
    ...(stability !== undefined && { stability }),
    ...(similarity !== undefined && { similarity_boost: similarity }),
    ...(speed !== undefined && { speed }),
  };
  const fresh = new Set<string>();
  return {
    provider,
    address: () => ({
      url: `${baseUrl}/v1/text-to-speech/${encodeURIComponent(voice)}/multi-stream-input?${query}`,
      headers: { "xi-api-key": apiKey.current() },
    }),
    read: (text) => read(provider, text),
    say(id, words) {
      // A context's first message says how it is to sound.
      const first = !fresh.has(id) && Object.keys(settings).length > 0;
      fresh.add(id);
      return [
        JSON.stringify({ text: `${words} `, context_id: id, flush: true, ...(first && { voice_settings: settings }) }),
      ];
    },
    end(id) {
      fresh.delete(id);
      return [JSON.stringify({ context_id: id, close_context: true })];
    },
    cancel(id) {
      fresh.delete(id);
      return [JSON.stringify({ context_id: id, close_context: true })];
    },
  };
}

function read(provider: string, text: string): ContextEvent {
  const { audio, alignment: aligned, contextId, isFinal, error, message: said, code } = message.parse(JSON.parse(text));
  const id = contextId ?? undefined;
  if (error || code) {
    const told = new ProviderError(
      provider,
      codeOf(error ?? "", code ?? 0),
      (said ?? error ?? "an error").slice(0, 300),
    );
    return { ...(id !== undefined && { id }), error: told };
  }
  if (id === undefined) throw new Error("a message for nobody");
  return {
    id,
    ...(audio && { audio: Buffer.from(audio, "base64") }),
    ...(aligned && { words: { times: timesOf(aligned), from: "chunk" as const } }),
    ...(isFinal && { done: true }),
  };
}

function codeOf(error: string, code: number): ProviderError["code"] {
  if (/quota|rate_limit|too_many|max_active|busy/.test(error)) return "overloaded";
  if (/auth|api_key|unauthori|permission|voice|model|invalid/.test(error) || code === 1008) return "refused";
  return "unreachable";
}

const timesOf = ({ chars, charStartTimesMs, charDurationsMs }: z.output<typeof alignment>): WordTime[] =>
  chars.map((text, index) => {
    const startMs = charStartTimesMs[index] ?? 0;
    return { text, startMs, endMs: startMs + (charDurationsMs[index] ?? 0) };
  });
