import { z } from "zod";
import type { SampleRate } from "../../audio/frame.ts";
import type { Clock } from "../../base/clock.ts";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderModule } from "../module.ts";
import { WyomingLine } from "../wyoming.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { EarlyHearings } from "./live/early.ts";
import { LiveHearing } from "./live/hearing.ts";
import { type Shot, type ShotEvents, Shots } from "./live/shots.ts";

const schema = z.strictObject({
  host: z.string().min(1).max(255).default("127.0.0.1").describe("The server; the protocol has no encryption."),
  port: z.int().min(1).max(65_535).default(10_300).describe("10300 is faster-whisper's."),
  model: z.string().max(200).optional().describe("A model's name, where the server has several."),
  ...deadlineKeys,
  finalMs: deadlineKeys.finalMs.unwrap().default(3000),
});

const BATCH_MS = 100;

/** Any recogniser that speaks the Wyoming protocol: faster-whisper, whisper.cpp, vosk. One connection an utterance. */
export const wyoming: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "wyoming",
  schema,
  leavesHost: ({ host }) => hostBeyond(`tcp://${host.includes(":") ? `[${host}]` : host}`),
  create(options, { clock, name = "wyoming" }): SpeechToText {
    const early = new EarlyHearings(
      clock,
      ({ rate, language, signal }) =>
        new LiveHearing({
          provider: name,
          rate,
          signal,
          clock,
          deadlines: options,
          batchMs: BATCH_MS,
          // Most of these servers say nothing before the end.
          talkative: false,
          cut: true,
          connect: (hearing) =>
            new Shots(
              hearing,
              (events) => new WyomingShot({ ...options, provider: name, rate, language, clock, events }),
            ),
        }),
    );
    return { name, ...early.port, close: async () => early.close() };
  },
};

interface ShotOptions {
  readonly provider: string;
  readonly host: string;
  readonly port: number;
  readonly model?: string | undefined;
  readonly connectMs: number;
  readonly rate: SampleRate;
  readonly language: string;
  readonly clock: Clock;
  readonly events: ShotEvents;
}

class WyomingShot implements Shot {
  readonly #format: { readonly rate: number; readonly width: 2; readonly channels: 1 };
  readonly #options: ShotOptions;
  readonly #line: WyomingLine;
  #said = "";
  #begun = false;

  constructor(options: ShotOptions) {
    this.#options = options;
    this.#format = { rate: options.rate, width: 2, channels: 1 };
    const { provider, host, port, connectMs, clock, events } = options;
    this.#line = new WyomingLine({
      provider,
      host,
      port,
      connectMs,
      clock,
      open: () => events.open(),
      event: ({ type, data }) => this.#receive(type, data ?? {}),
      lost: (error) => events.lost(error),
    });
  }

  audio(pcm: Int16Array): void {
    this.#begin();
    const payload = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
    this.#line.send({ type: "audio-chunk", data: this.#format, payload });
  }

  finish(): void {
    this.#begin();
    this.#line.send({ type: "audio-stop" });
  }

  close(): void {
    this.#line.close();
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { model, language } = this.#options;
    const [plain = language] = language.split("-");
    this.#line.send({ type: "transcribe", data: { language: plain, ...(model !== undefined && { name: model }) } });
    this.#line.send({ type: "audio-start", data: this.#format });
  }

  #receive(type: string, { text }: Readonly<Record<string, unknown>>): void {
    const { events, provider } = this.#options;
    const words = typeof text === "string" ? text : "";
    if (type === "transcript-chunk") {
      this.#said = `${this.#said}${words}`;
      events.partial(this.#said.trim());
    } else if (type === "transcript") events.final(words.trim());
    else if (type === "error") {
      this.#line.close();
      events.lost(new ProviderError(provider, "unreachable", words.slice(0, 200) || "it reports an error"));
    }
  }
}
