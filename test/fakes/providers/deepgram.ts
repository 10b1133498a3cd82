import { randomUUID } from "node:crypto";
import type { RawData, WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Clock, systemClock, type Timer } from "../../../src/base/clock.ts";
import { type FakeRequest, FakeServer, type FakeServerOptions } from "./server.ts";
import { Understanding, type UnderstandingOptions, type Utterance } from "./understanding.ts";

export interface FakeDeepgramOptions extends UnderstandingOptions, FakeServerOptions {
  readonly apiKey?: string;
  /** From `Finalize` to its answer. */
  readonly finalMs?: number;
  /** An interim result after so much sound. 0: none. */
  readonly partialMs?: number;
  /** Interim results have no words in them: the server says that it hears, and the words come with the final ones. */
  readonly wordless?: boolean;
  readonly clock?: Clock;
}

/**
 * Deepgram's `listen.v1` as documented in November 2026 (developers.deepgram.com, Live Audio): query and `Authorization: Token`
 * header checked; `Results` with `is_final` and `from_finalize`; `Finalize`, `KeepAlive` and `CloseStream`; closes with 1011 after
 * 10 s without sound (NET-0001).
 */
export class FakeDeepgram {
  readonly #server: FakeServer;
  readonly #options: Required<Pick<FakeDeepgramOptions, "apiKey" | "finalMs" | "partialMs" | "wordless" | "clock">> &
    FakeDeepgramOptions;
  /** Control messages that came, by their type. */
  readonly controls: string[] = [];

  private constructor(options: FakeDeepgramOptions) {
    this.#options = {
      apiKey: "secret-of-deepgram",
      finalMs: 20,
      partialMs: 200,
      wordless: false,
      clock: systemClock,
      ...options,
    };
    this.#server = new FakeServer(options, (socket, request) => this.#accept(socket, request));
    this.#server.refusal = (request) => this.#refusal(request);
  }

  static async start(options: FakeDeepgramOptions = {}): Promise<FakeDeepgram> {
    const fake = new FakeDeepgram(options);
    await fake.#server.listen(options.port);
    return fake;
  }

  get url(): string {
    return this.#server.url;
  }

  get server(): FakeServer {
    return this.#server;
  }

  get apiKey(): string {
    return this.#options.apiKey;
  }

  close(): Promise<void> {
    return this.#server.close();
  }

  #refusal({ path, query, headers }: FakeRequest): string | undefined {
    if (this.#server.statusFault) return this.#server.statusFault;
    if (headers.authorization !== `Token ${this.#options.apiKey}`) return "401 Unauthorized";
    const good =
      path === "/v1/listen" &&
      /^nova/.test(query.get("model") ?? "") &&
      /^(linear16|mulaw)$/.test(query.get("encoding") ?? "") &&
      Number(query.get("sample_rate")) >= 8000 &&
      !(query.get("model")?.startsWith("nova-3") && query.has("keywords"));
    return good ? undefined : "400 Bad Request";
  }

  #accept(socket: WebSocket, request: FakeRequest): void {
    new NovaSession(socket, request, { ...this.#options, fault: () => this.#server.fault, controls: this.controls });
  }
}

interface SessionOptions
  extends Required<Pick<FakeDeepgramOptions, "finalMs" | "partialMs" | "wordless" | "clock">>,
    UnderstandingOptions {
  readonly fault: () => FakeServer["fault"];
  readonly controls: string[];
}

const SILENCE_MS = 10_000;

class NovaSession {
  readonly #socket: WebSocket;
  readonly #options: SessionOptions;
  readonly #understanding: Understanding;
  readonly #mulaw: boolean;
  readonly #id = randomUUID();
  #segmentMs = 0;
  #partialAtMs = 0;
  #stalled = false;
  #silence: Timer;

  constructor(socket: WebSocket, { query }: FakeRequest, options: SessionOptions) {
    this.#socket = socket;
    this.#options = options;
    this.#mulaw = query.get("encoding") === "mulaw";
    this.#understanding = new Understanding(Number(query.get("sample_rate")), options);
    this.#silence = this.#watch();
    socket.on("message", (data, binary) => this.#receive(data, binary));
    socket.on("close", () => this.#silence.cancel());
  }

  #watch(): Timer {
    return this.#options.clock.after(SILENCE_MS, () => this.#socket.close(1011, "NET-0001"));
  }

  #receive(data: RawData, binary: boolean): void {
    this.#silence.cancel();
    this.#silence = this.#watch();
    const bytes = data as Buffer;
    if (binary) this.#audio(bytes);
    else this.#control((JSON.parse(bytes.toString("utf8")) as { type: string }).type);
  }

  #audio(bytes: Buffer): void {
    const pcm = new Int16Array(this.#mulaw ? bytes.length : bytes.length / 2);
    if (this.#mulaw) ulaw.decode(bytes, pcm);
    else new Uint8Array(pcm.buffer).set(bytes);
    this.#understanding.push(pcm);
    const { partialMs, wordless } = this.#options;
    if (partialMs === 0 || this.#understanding.atMs < this.#partialAtMs + partialMs) return;
    this.#partialAtMs = this.#understanding.atMs;
    const words = wordless ? "" : this.#understanding.words;
    this.#send({ text: words, startMs: this.#segmentMs, endMs: this.#understanding.atMs }, {});
    if (words === "") return;
    if (this.#options.fault() === "close") this.#socket.close(1011, "NET-0000");
    if (this.#options.fault() === "stall") this.#stalled = true;
  }

  #control(type: string): void {
    this.#options.controls.push(type);
    if (type === "Finalize") {
      const said = this.#understanding.take();
      const whole = { ...said, startMs: this.#segmentMs, endMs: this.#understanding.atMs };
      this.#segmentMs = this.#understanding.atMs;
      this.#options.clock.after(this.#options.finalMs, () => this.#send(whole, { final: true, finalized: true }));
    }
    if (type === "CloseStream") this.#socket.close(1000);
  }

  #send({ text, startMs, endMs }: Utterance, { final = false, finalized = false }): void {
    const fault = this.#options.fault();
    if (this.#stalled || fault === "silent" || this.#socket.readyState !== this.#socket.OPEN) return;
    if (fault === "garbage") {
      this.#socket.send("<html>502 Bad Gateway</html>");
      return;
    }
    const transcript = fault === "empty" ? "" : text;
    const words = transcript.split(" ").filter((word) => word !== "");
    this.#socket.send(
      JSON.stringify({
        type: "Results",
        channel_index: [0, 1],
        start: startMs / 1000,
        duration: (endMs - startMs) / 1000,
        is_final: final,
        speech_final: final,
        from_finalize: finalized,
        channel: {
          alternatives: [
            {
              transcript,
              confidence: words.length > 0 ? 0.98 : 0,
              words: words.map((word) => ({
                word,
                punctuated_word: word,
                confidence: 0.98,
                start: startMs / 1000,
                end: endMs / 1000,
              })),
            },
          ],
        },
        metadata: {
          request_id: this.#id,
          model_uuid: this.#id,
          model_info: { name: "fake", version: "0", arch: "nova" },
        },
      }),
    );
  }
}
