import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { type FakeRequest, FakeServer, type FakeServerOptions } from "./server.ts";
import { Understanding, type UnderstandingOptions } from "./understanding.ts";

export interface FakeFluxOptions extends UnderstandingOptions, FakeServerOptions {
  readonly apiKey?: string;
  /** Silence until `EagerEndOfTurn`, and until `EndOfTurn`. */
  readonly eagerMs?: number;
  readonly endMs?: number;
  /** What is said is a whole sentence after so much sound: pauses before that end no turn, as the real one judges by the words. */
  readonly wholeMs?: number;
  /** How late every event comes. */
  readonly finalMs?: number;
  readonly clock?: Clock;
}

type Options = Required<Pick<FakeFluxOptions, "apiKey" | "eagerMs" | "endMs" | "wholeMs" | "finalMs" | "clock">> &
  FakeFluxOptions;

const UPDATE_MS = 250;

/**
 * Deepgram's `listen.v2` (Flux) as documented in November 2026 (developers.deepgram.com, Flux): `Connected`, then `TurnInfo` with
 * Update every 250 ms of sound, StartOfTurn, EagerEndOfTurn, TurnResumed and EndOfTurn in the documented order. There is no
 * Finalize and no KeepAlive.
 */
export class FakeFlux {
  readonly server: FakeServer;
  readonly #options: Options;

  private constructor(options: FakeFluxOptions) {
    this.#options = {
      apiKey: "secret-of-deepgram",
      eagerMs: 160,
      endMs: 400,
      wholeMs: 0,
      finalMs: 10,
      clock: systemClock,
      ...options,
    };
    this.server = new FakeServer(options, (socket, request) => this.#accept(socket, request));
    this.server.refusal = (request) => this.#refusal(request);
  }

  static async start(options: FakeFluxOptions = {}): Promise<FakeFlux> {
    const fake = new FakeFlux(options);
    await fake.server.listen(options.port);
    return fake;
  }

  get url(): string {
    return this.server.url;
  }

  get apiKey(): string {
    return this.#options.apiKey;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #refusal({ path, query, headers }: FakeRequest): string | undefined {
    if (this.server.statusFault) return this.server.statusFault;
    if (headers.authorization !== `Token ${this.#options.apiKey}`) return "401 Unauthorized";
    const good =
      path === "/v2/listen" &&
      /^flux-general-(en|multi)$/.test(query.get("model") ?? "") &&
      /^(linear16|mulaw)$/.test(query.get("encoding") ?? "") &&
      Number(query.get("sample_rate")) >= 8000 &&
      Number(query.get("eager_eot_threshold") ?? 0) <= Number(query.get("eot_threshold") ?? 0.7);
    return good ? undefined : "400 Bad Request";
  }

  #accept(socket: WebSocket, request: FakeRequest): void {
    new FluxSession(socket, request, { ...this.#options, server: this.server });
  }
}

class FluxSession {
  readonly #socket: WebSocket;
  readonly #options: Options & { readonly server: FakeServer };
  readonly #understanding: Understanding;
  readonly #mulaw: boolean;
  readonly #eager: boolean;
  readonly #id = randomUUID();
  #sequence = 0;
  #turn = 0;
  #state: "ready" | "speaking" | "awaiting" = "ready";
  #updateAtMs = 0;
  #eagerWords = "";
  #stalled = false;

  constructor(socket: WebSocket, { query }: FakeRequest, options: Options & { readonly server: FakeServer }) {
    this.#socket = socket;
    this.#options = options;
    this.#mulaw = query.get("encoding") === "mulaw";
    this.#eager = query.has("eager_eot_threshold");
    this.#understanding = new Understanding(Number(query.get("sample_rate")), options);
    this.#send({ type: "Connected" });
    socket.on("message", (data, binary) => {
      if (binary) this.#audio(data as Buffer);
      else this.#control((JSON.parse((data as Buffer).toString("utf8")) as { type: string }).type);
    });
  }

  #control(type: string): void {
    if (type === "CloseStream") {
      this.#socket.close(1000);
      return;
    }
    this.#send({ type: "Error", code: "UNPARSABLE_CLIENT_MESSAGE", description: `no message of this type: ${type}` });
    this.#socket.close(1008);
  }

  #audio(bytes: Buffer): void {
    const pcm = new Int16Array(this.#mulaw ? bytes.length : bytes.length / 2);
    if (this.#mulaw) ulaw.decode(bytes, pcm);
    else new Uint8Array(pcm.buffer).set(bytes);
    const step = Math.round(pcm.length / Math.max(1, Math.round((pcm.length * 50) / this.#understanding.rate)));
    for (let at = 0; at < pcm.length; at += step) {
      this.#understanding.push(pcm.subarray(at, at + step));
      this.#look();
    }
  }

  #look(): void {
    const { words, heard, atMs, said, loudMs } = this.#understanding;
    const { eagerMs, endMs, wholeMs } = this.#options;
    const quietMs = loudMs < wholeMs ? 0 : this.#understanding.quietMs;
    if (this.#state === "ready" && heard && words !== "") this.#to("speaking", "StartOfTurn", words);
    else if (this.#state === "speaking" && quietMs >= eagerMs && this.#eager) {
      this.#eagerWords = said;
      this.#to("awaiting", "EagerEndOfTurn", said);
    } else if (this.#state === "awaiting" && (quietMs < eagerMs / 2 || said !== this.#eagerWords)) {
      this.#to("speaking", "TurnResumed", words);
    } else if (this.#state !== "ready" && quietMs >= endMs) {
      const { text } = this.#understanding.take();
      this.#to("ready", "EndOfTurn", text, { trigger: "model" });
      this.#turn += 1;
    } else if (atMs >= this.#updateAtMs + UPDATE_MS) {
      this.#to(this.#state, "Update", this.#state === "awaiting" ? this.#eagerWords : words);
    }
  }

  #to(state: "ready" | "speaking" | "awaiting", event: string, transcript: string, more: object = {}): void {
    this.#state = state;
    this.#updateAtMs = this.#understanding.atMs;
    const fault = this.#options.server.fault;
    const text = fault === "empty" ? "" : transcript;
    this.#send({
      type: "TurnInfo",
      event,
      turn_index: this.#turn,
      audio_window_start: 0,
      audio_window_end: this.#understanding.atMs / 1000,
      transcript: text,
      words: text
        .split(" ")
        .filter((word) => word !== "")
        .map((word) => ({ word, confidence: 0.97 })),
      end_of_turn_confidence: event === "EndOfTurn" ? 0.8 : event === "EagerEndOfTurn" ? 0.6 : 0.1,
      ...more,
    });
    if (text === "" || event === "EndOfTurn") return;
    if (fault === "close") this.#options.clock.after(this.#options.finalMs, () => this.#socket.close(1011));
    if (fault === "stall") this.#stalled = true;
  }

  #send(message: object): void {
    const { fault } = this.#options.server;
    if (this.#stalled || fault === "silent") return;
    const text =
      fault === "garbage"
        ? "<html>502 Bad Gateway</html>"
        : JSON.stringify({ request_id: this.#id, sequence_id: this.#sequence++, ...message });
    this.#options.clock.after(this.#options.finalMs, () => {
      if (this.#socket.readyState === this.#socket.OPEN) this.#socket.send(text);
    });
  }
}
