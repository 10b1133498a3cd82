import { z } from "zod";
import { ProviderError, type WordTime } from "../../../conversation/providers.ts";
import { codeOfStatus } from "../../failure.ts";
import type { Key } from "../../key.ts";
import type { ContextEvent, ContextProtocol } from "../live/line.ts";
import type { Coding } from "../live/sound.ts";

export interface CartesiaKind {
  readonly voice: string;
  readonly coding: Coding;
  readonly language: string;
}

const VERSION = "2026-03-01";

const message = z.object({
  type: z.string(),
  context_id: z.string().nullish(),
  data: z.string().nullish(),
  done: z.boolean().nullish(),
  status_code: z.number().nullish(),
  message: z.string().nullish(),
  error: z.string().nullish(),
  word_timestamps: z
    .object({ words: z.array(z.string()), start: z.array(z.number()), end: z.array(z.number()) })
    .nullish(),
});

/** https://docs.cartesia.ai/2026-03-01/api-reference/tts/websocket */
export function cartesiaProtocol(
  provider: string,
  { apiKey, baseUrl, model }: { apiKey: Key; baseUrl: string; model: string },
  { voice, coding, language }: CartesiaKind,
): ContextProtocol {
  const request = (id: string, transcript: string, more: boolean) =>
    JSON.stringify({
      model_id: model,
      transcript,
      voice: { mode: "id", id: voice },
      language,
      context_id: id,
      output_format: {
        container: "raw",
        encoding: coding.kind === "mulaw" ? "pcm_mulaw" : "pcm_s16le",
        sample_rate: coding.rate,
      },
      add_timestamps: true,
      continue: more,
      // Each piece is whole: nothing is gained by waiting for more words.
      max_buffer_delay_ms: 0,
    });
  return {
    provider,
    address: () => ({
      url: `${baseUrl}/tts/websocket`,
      headers: { "x-api-key": apiKey.current(), "cartesia-version": VERSION },
    }),
    read: (text) => read(provider, text),
    // Pieces are put together as they are: the space between two is ours to send.
    say: (id, words) => [request(id, `${words} `, true)],
    end: (id) => [request(id, "", false)],
    cancel: (id) => [JSON.stringify({ context_id: id, cancel: true })],
  };
}

function read(provider: string, text: string): ContextEvent | undefined {
  const { type, context_id, data, word_timestamps: words, ...told } = message.parse(JSON.parse(text));
  const id = context_id ?? undefined;
  const whose = id === undefined ? {} : { id };
  if (type === "error") {
    const said = (told.message ?? told.error ?? "an error").slice(0, 300);
    return { ...whose, error: new ProviderError(provider, codeOfStatus(told.status_code ?? 500), said) };
  }
  if (id === undefined) throw new Error("a message for nobody");
  if (type === "chunk") return { id, audio: Buffer.from(data ?? "", "base64") };
  if (type === "done") return { id, done: true };
  if (!words) return undefined;
  const times = words.words.map((word, index): WordTime => {
    const startMs = (words.start[index] ?? 0) * 1000;
    return { text: word, startMs, endMs: (words.end[index] ?? 0) * 1000 };
  });
  return { id, words: { times, from: "context" } };
}
