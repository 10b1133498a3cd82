import type { WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Behaviour, type Fault, ofHandshake, pause } from "./behaviour.ts";
import { FakeSocketServer } from "./socket-server.ts";
import { bytesOf, CHARACTER_MS, spoken } from "./voice-sound.ts";

export interface FakeAnswer {
  readonly text?: string;
  readonly tool?: { readonly name: string; readonly input: string };
}

interface ClientEvent {
  readonly type: string;
  readonly audio?: string;
  readonly item_id?: string;
  readonly audio_end_ms?: number;
  readonly response_id?: string;
  readonly session?: Session;
  readonly response?: { readonly instructions?: string };
  readonly item?: { readonly type: string; readonly call_id?: string; readonly output?: string };
}

interface Session {
  readonly audio?: { readonly output?: { readonly format?: { readonly type?: string } } };
  readonly output_audio_format?: string;
  readonly turn_detection?: unknown;
}

interface Item {
  readonly text: string;
  readonly audioMs: number;
}

/** Speech as the fake hears it. */
const VOICED = 400;
const CHUNK_CHARACTERS = 5;
const SAY = "word for word, and nothing else: ";

/**
 * Speaks OpenAI's Realtime protocol over a websocket, as `ga` or `beta`: sessions, the input buffer, transcriptions, responses with sound and
 * words, function calls, truncation, and the errors for what must not be done. It understands what `hears` says, and answers `answer`.
 */
export class FakeRealtime extends FakeSocketServer {
  readonly #beta: boolean;
  /** What the next utterances are understood as, in order. */
  hears: string[] = [];
  answer: (heard: string, results: readonly string[]) => FakeAnswer = (heard) => ({ text: `You said ${heard}.` });
  transcriptMs = 0;
  /** What the server remembers of its own sentences: item by item, as truncated. */
  readonly items = new Map<string, Item & { endMs?: number }>();
  readonly errors: string[] = [];
  readonly conversations: Conversation[] = [];

  constructor(mood?: Behaviour, { beta = false }: { beta?: boolean } = {}) {
    super(mood, (socket) => {
      const conversation = new Conversation(this, socket);
      this.conversations.push(conversation);
      socket.on("message", (data) => conversation.take(JSON.parse(data.toString()) as ClientEvent));
      if (this.moods.next((one) => one === "silent") === undefined) conversation.send({ type: "session.created" });
    });
    this.#beta = beta;
  }

  get beta(): boolean {
    return this.#beta;
  }
}

class Conversation {
  readonly #server: FakeRealtime;
  readonly #socket: WebSocket;
  #count = 0;
  #bufferedMs = 0;
  #voiced = false;
  #mulaw = true;
  #heard = "";
  #results: string[] = [];
  #active: { readonly id: string; cancelled: boolean } | undefined;

  constructor(server: FakeRealtime, socket: WebSocket) {
    this.#server = server;
    this.#socket = socket;
  }

  send(event: object): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#count += 1;
    this.#socket.send(JSON.stringify({ event_id: `event_${this.#count}`, ...event }));
  }

  /** The server's own voice activity. */
  speechStarted(): void {
    this.send({ type: "input_audio_buffer.speech_started", item_id: "item_own", audio_start_ms: 0 });
  }

  take(event: ClientEvent): void {
    switch (event.type) {
      case "session.update":
        this.#configure(event.session ?? {});
        return;
      case "input_audio_buffer.append":
        this.#append(Buffer.from(event.audio ?? "", "base64"));
        return;
      case "input_audio_buffer.commit":
        void this.#commit();
        return;
      case "conversation.item.create":
        if (event.item?.type === "function_call_output") this.#results.push(event.item.output ?? "");
        this.send({ type: this.#server.beta ? "conversation.item.created" : "conversation.item.added" });
        return;
      case "conversation.item.truncate":
        this.#truncate(event);
        return;
      case "conversation.item.delete":
        this.#server.items.delete(event.item_id ?? "");
        this.send({ type: "conversation.item.deleted", item_id: event.item_id });
        return;
      case "response.create":
        void this.#respond(event.response?.instructions);
        return;
      case "response.cancel":
        if (this.#active) this.#active.cancelled = true;
        else this.#error("response_cancel_not_active");
        return;
      default:
        this.#error("unknown_event");
    }
  }

  #configure(session: Session): void {
    const { beta } = this.#server;
    const format = beta ? session.output_audio_format : session.audio?.output?.format?.type;
    if (format === undefined) {
      this.#error("invalid_session");
      return;
    }
    this.#mulaw = format === "audio/pcmu" || format === "g711_ulaw";
    this.send({ type: "session.updated", session });
  }

  #append(bytes: Buffer): void {
    const pcm = new Int16Array(this.#mulaw ? bytes.length : bytes.length / 2);
    if (this.#mulaw) ulaw.decode(bytes, pcm);
    else for (let at = 0; at < pcm.length; at += 1) pcm[at] = bytes.readInt16LE(at * 2);
    this.#bufferedMs += (pcm.length * 1000) / this.#rate;
    if (pcm.some((sample) => Math.abs(sample) >= VOICED)) this.#voiced = true;
  }

  async #commit(): Promise<void> {
    if (this.#bufferedMs < 100) {
      this.#error("input_audio_buffer_commit_empty");
      return;
    }
    const item_id = this.#id("item");
    this.#bufferedMs = 0;
    const words = this.#voiced ? (this.#server.hears.shift() ?? "") : "";
    this.#voiced = false;
    this.#heard = `${this.#heard} ${words}`.trim();
    this.send({ type: "input_audio_buffer.committed", item_id });
    if (!(await pause(this.#server.transcriptMs, raw(this.#socket)))) return;
    const half = words.slice(0, Math.ceil(words.length / 2));
    this.send({ type: "conversation.item.input_audio_transcription.delta", item_id, content_index: 0, delta: half });
    this.send({
      type: "conversation.item.input_audio_transcription.completed",
      item_id,
      content_index: 0,
      transcript: words,
    });
  }

  async #respond(instructions: string | undefined): Promise<void> {
    if (this.#active) {
      this.#error("conversation_already_has_active_response");
      return;
    }
    const active = { id: this.#id("resp"), cancelled: false };
    this.#active = active;
    const fault = this.#server.moods.next((one) => !ofHandshake(one));
    if (!(await pause(this.#server.moods.firstMs, raw(this.#socket)))) return;
    this.send({ type: "response.created", response: { id: active.id, status: "in_progress" } });
    if (fault === "silent") return;
    if (fault === "garbage") {
      this.#socket.send("}{");
      return;
    }
    const at = instructions?.indexOf(SAY) ?? -1;
    const answer =
      instructions !== undefined && at >= 0
        ? { text: instructions.slice(at + SAY.length) }
        : this.#server.answer(this.#heard, this.#results);
    if (at < 0) this.#heard = "";
    const whole = fault === "empty" || (await this.#speak(active, answer, fault));
    if (!whole) return;
    this.#active = undefined;
    const status = active.cancelled ? "cancelled" : "completed";
    const usage = { input_tokens: 100, output_tokens: 40, input_token_details: { cached_tokens: 60 } };
    this.send({ type: "response.done", response: { id: active.id, status, usage } });
  }

  async #speak(active: { id: string; cancelled: boolean }, answer: FakeAnswer, fault?: Fault): Promise<boolean> {
    const { text = "", tool } = answer;
    const response_id = active.id;
    if (text !== "") {
      const item_id = this.#id("item");
      const sound = this.#server.beta ? "response.audio" : "response.output_audio";
      const end = fault === "stall" || fault === "close" ? Math.ceil(text.length / 2) : text.length;
      for (let at = 0; at < end && !active.cancelled; at += CHUNK_CHARACTERS) {
        const part = text.slice(at, Math.min(end, at + CHUNK_CHARACTERS));
        this.#server.items.set(item_id, { text, audioMs: (at + part.length) * CHARACTER_MS });
        this.send({ type: `${sound}_transcript.delta`, response_id, item_id, content_index: 0, delta: part });
        this.send({ type: `${sound}.delta`, response_id, item_id, content_index: 0, delta: this.#sound(part) });
        const { perSecond } = this.#server.moods;
        const ms = perSecond > 0 ? (part.length * CHARACTER_MS) / perSecond : 0;
        if (!(await pause(ms, raw(this.#socket)))) return false;
      }
      if (fault === "close") this.#socket.terminate();
      if (fault === "stall" || fault === "close") return false;
    }
    if (tool && !active.cancelled) {
      const call = { type: "function_call", call_id: this.#id("call"), name: tool.name, arguments: tool.input };
      this.send({ type: "response.output_item.done", response_id, item: { id: this.#id("item"), ...call } });
    }
    return true;
  }

  #truncate({ item_id = "", audio_end_ms = 0 }: ClientEvent): void {
    const item = this.#server.items.get(item_id);
    if (!item || audio_end_ms > item.audioMs) {
      this.#error("invalid_truncation");
      return;
    }
    this.#server.items.set(item_id, { ...item, endMs: audio_end_ms });
    this.send({ type: "conversation.item.truncated", item_id, content_index: 0, audio_end_ms });
  }

  #sound(text: string): string {
    const pcm = spoken(text, this.#rate);
    if (!this.#mulaw) return bytesOf(pcm).toString("base64");
    const bytes = new Uint8Array(pcm.length);
    ulaw.encode(pcm, bytes);
    return Buffer.from(bytes).toString("base64");
  }

  get #rate(): number {
    return this.#mulaw ? 8000 : 24_000;
  }

  #error(code: string): void {
    this.#server.errors.push(code);
    this.send({ type: "error", error: { type: "invalid_request_error", code, message: code } });
  }

  #id(kind: string): string {
    this.#count += 1;
    return `${kind}_${this.#count}`;
  }
}

/** What `pause` watches: ws has the socket under a name of its own. */
const raw = (socket: WebSocket) => ({
  get destroyed(): boolean {
    return socket.readyState !== socket.OPEN;
  },
  once: (event: string, listener: () => void) => socket.once(event, listener),
  off: (event: string, listener: () => void) => socket.off(event, listener),
});
