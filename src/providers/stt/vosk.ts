import { z } from "zod";
import type { Clock } from "../../base/clock.ts";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderModule } from "../module.ts";
import { serverUrl } from "../options.ts";
import { ProviderSocket } from "../socket.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { EarlyHearings } from "./live/early.ts";
import { LiveHearing } from "./live/hearing.ts";
import { type Shot, type ShotEvents, Shots } from "./live/shots.ts";

const schema = z.strictObject({
  url: serverUrl("ws://127.0.0.1:2700", /^wss?$/).describe("vosk-server's websocket."),
  grammar: z
    .boolean()
    .default(false)
    .describe("Understands nothing but the agent's expected phrases; only for models with a dynamic graph."),
  ...deadlineKeys,
});

const BATCH_MS = 100;
const MAX_PHRASES = 500;

/** vosk-server (github.com/alphacep/vosk-server, websocket): one connection an utterance, which `eof` ends. */
export const vosk: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "vosk",
  schema,
  leavesHost: ({ url }) => hostBeyond(url),
  create(options, { clock, name = "vosk" }): SpeechToText {
    const early = new EarlyHearings(clock, ({ rate, hints, signal }) => {
      const config = {
        sample_rate: rate,
        words: true,
        ...(options.grammar && { phrase_list: [...phrases(hints), "[unk]"] }),
      };
      const { url, connectMs } = options;
      return new LiveHearing({
        provider: name,
        rate,
        signal,
        clock,
        deadlines: options,
        batchMs: BATCH_MS,
        talkative: true,
        cut: true,
        connect: (hearing) =>
          new Shots(hearing, (events) => new VoskShot({ provider: name, url, connectMs, clock, config, events })),
      });
    });
    return { name, ...early.port, close: async () => early.close() };
  },
};

/** As the models know them: small letters, no punctuation. */
const phrases = (hints: readonly string[]): string[] =>
  hints.slice(0, MAX_PHRASES).map((hint) =>
    hint
      .toLowerCase()
      .replace(/[^\p{L}\p{N}' ]+/gu, " ")
      .replace(/\s+/g, " ")
      .trim(),
  );

interface VoskOptions {
  readonly provider: string;
  readonly url: string;
  readonly connectMs: number;
  readonly clock: Clock;
  readonly config: object;
  readonly events: ShotEvents;
}

interface Answer {
  readonly partial?: string;
  readonly text?: string;
  readonly result?: readonly { readonly conf: number }[];
}

/** Each message is answered by one: the last of them is the answer to `eof`. */
class VoskShot implements Shot {
  readonly #options: VoskOptions;
  readonly #socket: ProviderSocket;
  readonly #pieces: string[] = [];
  readonly #confidences: number[] = [];
  #unanswered = 0;
  #finished = false;

  constructor(options: VoskOptions) {
    this.#options = options;
    const { provider, url, connectMs, clock, config, events } = options;
    this.#socket = new ProviderSocket({
      provider,
      url,
      connectMs,
      clock,
      events: {
        open: () => {
          this.#socket.send(JSON.stringify({ config }));
          events.open();
        },
        text: (data) => this.#receive(data),
        lost: (error) => events.lost(error),
      },
    });
  }

  audio(pcm: Int16Array): void {
    this.#unanswered += 1;
    this.#socket.send(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength));
  }

  finish(): void {
    this.#unanswered += 1;
    this.#finished = true;
    // The server compares this text as a whole, its spaces included.
    this.#socket.send('{"eof" : 1}');
  }

  close(): void {
    this.#socket.close();
  }

  #receive(data: string): void {
    const answer = read(data);
    if (!answer) {
      this.#socket.close();
      this.#options.events.lost(new ProviderError(this.#options.provider, "protocol", "it sent what is no answer"));
      return;
    }
    this.#unanswered -= 1;
    if (answer.text) this.#pieces.push(answer.text);
    for (const { conf } of answer.result ?? []) this.#confidences.push(conf);
    const text = [...this.#pieces, answer.partial ?? ""].join(" ").trim();
    if (!this.#finished) this.#options.events.partial(text);
    else if (this.#unanswered <= 0) this.#options.events.final(this.#pieces.join(" "), mean(this.#confidences));
  }
}

function read(data: string): Answer | undefined {
  try {
    const answer: unknown = JSON.parse(data);
    return typeof answer === "object" && answer !== null ? answer : undefined;
  } catch {
    return undefined;
  }
}

const mean = (values: readonly number[]): number | undefined =>
  values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0) / values.length;
