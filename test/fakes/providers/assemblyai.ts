import type { WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { systemClock } from "../../../src/base/clock.ts";
import { type FakeRequest, FakeServer, type FakeServerOptions } from "./server.ts";
import { Understanding, type UnderstandingOptions } from "./understanding.ts";

export interface FakeAssemblyOptions extends UnderstandingOptions, FakeServerOptions {
  readonly apiKey?: string;
  /** From `ForceEndpoint` to the end of the turn. */
  readonly finalMs?: number;
  /** A partial after so much sound. */
  readonly partialMs?: number;
}

/**
 * AssemblyAI's streaming v3 as documented in November 2026 (assemblyai.com/docs, Message Sequence): `Begin`, `Turn`, `Termination`;
 * sound of 50 to 1000 ms a message, `ForceEndpoint` and `Terminate`. A forced turn without words is not answered.
 */
export class FakeAssemblyAi {
  readonly server: FakeServer;
  readonly apiKey: string;
  readonly controls: string[] = [];
  readonly #options: FakeAssemblyOptions;

  private constructor(options: FakeAssemblyOptions) {
    this.#options = options;
    this.apiKey = options.apiKey ?? "secret-of-assemblyai";
    this.server = new FakeServer(options, (socket, request) => this.#accept(socket, request));
    this.server.refusal = ({ path, query, headers }) => {
      if (this.server.statusFault) return this.server.statusFault;
      if (headers.authorization !== this.apiKey) return "401 Unauthorized";
      const good = path === "/v3/ws" && /^universal-streaming-/.test(query.get("speech_model") ?? "");
      return good && Number(query.get("sample_rate")) >= 8000 ? undefined : "400 Bad Request";
    };
  }

  static async start(options: FakeAssemblyOptions = {}): Promise<FakeAssemblyAi> {
    const fake = new FakeAssemblyAi(options);
    await fake.server.listen(options.port);
    return fake;
  }

  get url(): string {
    return this.server.url;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #accept(socket: WebSocket, { query }: FakeRequest): void {
    const { finalMs = 20, partialMs = 200 } = this.#options;
    const rate = Number(query.get("sample_rate"));
    const mulaw = query.get("encoding") === "pcm_mulaw";
    const understanding = new Understanding(rate, this.#options);
    let [order, partialAtMs, stalled] = [0, 0, false];
    const send = (message: object): void => {
      const { fault } = this.server;
      if (stalled || fault === "silent" || socket.readyState !== socket.OPEN) return;
      socket.send(fault === "garbage" ? "<html>502 Bad Gateway</html>" : JSON.stringify(message));
    };
    const turn = (text: string, ended: boolean): void => {
      const said = this.server.fault === "empty" ? "" : text;
      const words = said.split(" ").filter((word) => word !== "");
      send({
        type: "Turn",
        turn_order: order,
        turn_is_formatted: ended && query.get("format_turns") === "true",
        end_of_turn: ended,
        // Only the words that are final stand here.
        transcript: ended ? said : words.slice(0, -1).join(" "),
        end_of_turn_confidence: ended ? 0.9 : 0.1,
        words: words.map((word, at) => ({
          text: word,
          start: 0,
          end: 0,
          confidence: 0.95,
          word_is_final: ended || at < words.length - 1,
        })),
      });
      if (ended) order += 1;
    };
    const audio = (bytes: Buffer): void => {
      const pcm = new Int16Array(mulaw ? bytes.length : bytes.length / 2);
      if (mulaw) ulaw.decode(bytes, pcm);
      else new Uint8Array(pcm.buffer).set(bytes);
      const ms = (pcm.length * 1000) / rate;
      if (ms < 50 || ms > 1000) {
        socket.close(3007, "Input duration violation");
        return;
      }
      understanding.push(pcm);
      if (understanding.atMs < partialAtMs + partialMs || understanding.words === "") return;
      partialAtMs = understanding.atMs;
      turn(understanding.words, false);
      if (this.server.fault === "close") socket.close(1011);
      if (this.server.fault === "stall") stalled = true;
    };
    socket.on("message", (data, binary) => {
      if (binary) {
        audio(data as Buffer);
        return;
      }
      const { type } = JSON.parse((data as Buffer).toString("utf8")) as { type: string };
      this.controls.push(type);
      if (type === "Terminate") {
        send({ type: "Termination", audio_duration_seconds: 0, session_duration_seconds: 0 });
        socket.close(1000);
      }
      if (type !== "ForceEndpoint" || !understanding.heard) return;
      const { text } = understanding.take();
      systemClock.after(finalMs, () => turn(text, true));
    });
    send({ type: "Begin", id: "fake", expires_at: 1_800_000_000 });
  }
}
