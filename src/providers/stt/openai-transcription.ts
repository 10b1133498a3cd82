import type OpenAI from "openai";
import { z } from "zod";
import type { SampleRate } from "../../audio/frame.ts";
import { joined } from "../../audio/joined.ts";
import { writeWav } from "../../audio/wav.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import { codeOfStatus, networkFailure } from "../failure.ts";
import { hostBeyond } from "../host.ts";
import { type Http, openHttp } from "../http.ts";
import { keySchema } from "../key.ts";
import type { ProviderModule } from "../module.ts";
import { serverUrl } from "../options.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { LiveHearing } from "./live/hearing.ts";
import { type Shot, type ShotEvents, Shots } from "./live/shots.ts";
import { formFetch } from "./openai-transcription/form.ts";

const schema = z.strictObject({
  baseUrl: serverUrl("https://api.openai.com/v1").describe(
    "Of whisper.cpp's server, speaches, vLLM and the like: http://127.0.0.1:8000/v1",
  ),
  apiKey: keySchema.optional().describe("Local servers mostly want none."),
  model: z.string().min(1).max(200).describe("As its server knows it: gpt-4o-mini-transcribe, whisper-1, …"),
  connectMs: deadlineKeys.connectMs,
  finalMs: deadlineKeys.finalMs.unwrap().default(3000),
});

const BATCH_MS = 100;
// What Whisper looks at; the beginning of a longer monologue is forgotten.
const LONGEST_MS = 30_000;
const MAX_PROMPT_CHARACTERS = 600;
const LIBRARY_MS = 120_000;

/** Any server with OpenAI's transcription: each utterance, cut out by our own voice activity, is a request of its own. */
export const openaiTranscription: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "openai-transcription",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create(options, { clock, name = "openai-transcription" }): SpeechToText {
    const http = openHttp(options);
    const library = import("openai");
    library.catch(() => undefined);
    return {
      name,
      open({ rate, language, hints, signal }) {
        void http.warm(options.baseUrl, signal);
        const asking = { ...options, provider: name, rate, language, hints, clock, http, library };
        return new LiveHearing({
          provider: name,
          rate,
          signal,
          clock,
          deadlines: { ...options, firstByteMs: options.finalMs, stallMs: options.finalMs },
          batchMs: BATCH_MS,
          talkative: false,
          cut: true,
          connect: (hearing) => new Shots(hearing, (events) => new Request({ ...asking, events })),
        });
      },
      close: () => http.close(),
    };
  },
};

interface RequestOptions extends z.output<typeof schema> {
  readonly provider: string;
  readonly rate: SampleRate;
  readonly language: string;
  readonly hints: readonly string[];
  readonly clock: Clock;
  readonly http: Http;
  readonly library: Promise<typeof import("openai")>;
  readonly events: ShotEvents;
}

class Request implements Shot {
  readonly #options: RequestOptions;
  readonly #pieces: Int16Array[] = [];
  readonly #abort = new AbortController();
  readonly #opening: Timer;

  constructor(options: RequestOptions) {
    this.#options = options;
    // There is nothing to wait for: sound is kept here until it is a request.
    this.#opening = options.clock.after(0, () => options.events.open());
  }

  audio(pcm: Int16Array): void {
    this.#pieces.push(pcm.slice());
    if (this.#pieces.length > LONGEST_MS / BATCH_MS) this.#pieces.shift();
  }

  finish(): void {
    this.#ask().then(
      (text) => this.#options.events.final(text.trim()),
      (error: unknown) => {
        if (!this.#abort.signal.aborted) this.#options.events.lost(this.#failure(error));
      },
    );
  }

  close(): void {
    this.#opening.cancel();
    this.#abort.abort();
    this.#pieces.length = 0;
  }

  async #ask(): Promise<string> {
    const { baseUrl, apiKey, model, rate, language, hints, http, library } = this.#options;
    const { default: Client, toFile } = await library;
    const client: OpenAI = new Client({
      baseURL: baseUrl,
      apiKey: apiKey?.current() ?? "none",
      fetch: formFetch(http.fetch),
      maxRetries: 0,
      timeout: LIBRARY_MS,
      logLevel: "off",
    });
    const file = await toFile(writeWav({ rate, channels: [joined(this.#pieces)] }), "utterance.wav", {
      type: "audio/wav",
    });
    const prompt = hints.join(", ").slice(0, MAX_PROMPT_CHARACTERS);
    const [plain = language] = language.split("-");
    const answer: { text?: unknown } = await client.audio.transcriptions.create(
      { file, model, language: plain, response_format: "json", ...(prompt !== "" && { prompt }) },
      { signal: this.#abort.signal },
    );
    if (typeof answer !== "object" || answer === null || typeof answer.text !== "string")
      throw new ProviderError(this.#options.provider, "protocol", "it sent what is no transcription");
    return answer.text;
  }

  #failure(error: unknown): ProviderError {
    const { provider } = this.#options;
    if (error instanceof ProviderError) return error;
    if (error instanceof SyntaxError) return new ProviderError(provider, "protocol", "it sent what is no JSON");
    const status = typeof error === "object" && error !== null && "status" in error ? error.status : undefined;
    if (typeof status !== "number") return networkFailure(provider, error);
    return new ProviderError(provider, codeOfStatus(status), `it answered ${status}`, { cause: error });
  }
}
