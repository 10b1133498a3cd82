import type { WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Behaviour, type Fault, ofHandshake, pause } from "./behaviour.ts";
import { FakeSocketServer, watched } from "./socket-server.ts";
import { bytesOf, CHARACTER_MS, spoken } from "./voice-sound.ts";

interface Say {
  readonly text?: string;
  readonly context_id?: string;
  readonly flush?: boolean;
  readonly close_context?: boolean;
  readonly close_socket?: boolean;
}

const CONTEXTS = 5;
/** A multiple of the time of a character: no chunk ends in one. */
const CHUNK_CHARACTERS = 4;

interface Connection {
  readonly socket: WebSocket;
  readonly format: string;
  readonly contexts: Map<string, Promise<boolean>>;
}

/** Speaks ElevenLabs' multi-context websocket: base64 audio, times of characters from each chunk's beginning, five contexts. */
export class FakeElevenLabs extends FakeSocketServer {
  /** Contexts that were opened, ever. */
  contexts = 0;

  constructor(mood?: Behaviour) {
    super(mood, (socket, { path, query }) => {
      if (!/^\/v1\/text-to-speech\/[^/]+\/multi-stream-input$/.test(path)) return socket.close(1008, "no such voice");
      const connection = { socket, format: query.get("output_format") ?? "mp3_44100_128", contexts: new Map() };
      socket.on("message", (data) => this.#hear(connection, JSON.parse(data.toString()) as Say));
    });
  }

  #hear(connection: Connection, { text, context_id: id = "default", close_context, close_socket }: Say): void {
    const { socket, contexts } = connection;
    if (close_socket) {
      socket.close(1000);
      return;
    }
    const before = contexts.get(id);
    if (close_context) {
      void before?.then((whole) => {
        contexts.delete(id);
        if (whole) socket.send(JSON.stringify({ isFinal: true, contextId: id }));
      });
      return;
    }
    if (!text || text.trim() === "") return;
    if (before === undefined) {
      this.contexts += 1;
      if (contexts.size >= CONTEXTS) {
        const message = `Maximum simultaneous contexts per WebSocket connection exceeded (${CONTEXTS}).`;
        socket.send(JSON.stringify({ message, error: "max_active_conversations", code: 1008 }));
        socket.close(1008);
        return;
      }
    }
    const fault = this.moods.next((one) => !ofHandshake(one));
    contexts.set(
      id,
      (before ?? Promise.resolve(true)).then((whole) => whole && this.#speak(connection, id, text, fault)),
    );
  }

  /** False: it will not be ended either. */
  async #speak({ socket, format }: Connection, id: string, text: string, fault: Fault | undefined): Promise<boolean> {
    const { firstMs, perSecond } = this.moods;
    if (fault === "silent" || !(await pause(firstMs, watched(socket)))) return false;
    if (fault === "empty") return true;
    if (fault === "garbage") {
      socket.send("}{");
      return false;
    }
    const words = text.trimEnd();
    const half = fault === "stall" || fault === "close" ? Math.ceil(words.length / 2) : words.length;
    for (let at = 0; at < half; at += CHUNK_CHARACTERS) {
      const piece = words.slice(at, at + CHUNK_CHARACTERS);
      socket.send(JSON.stringify({ audio: this.#audio(piece, format), alignment: alignmentOf(piece), contextId: id }));
      if (perSecond > 0 && !(await pause((piece.length * CHARACTER_MS) / perSecond, watched(socket)))) return false;
    }
    if (fault === "close") socket.close(1011, "internal error");
    return fault === undefined;
  }

  // The sound of a piece is one of few: where there are gaps in it is all that matters.
  readonly #made = new Map<string, string>();

  #audio(text: string, format: string): string {
    const key = `${format} ${text.replace(/\S/g, "x")}`;
    const made = this.#made.get(key) ?? this.#make(text, format);
    this.#made.set(key, made);
    return made;
  }

  #make(text: string, format: string): string {
    const [kind, rate] = format.split("_");
    const pcm = spoken(text, Number(rate));
    if (kind === "pcm") return bytesOf(pcm).toString("base64");
    const bytes = new Uint8Array(pcm.length);
    ulaw.encode(pcm, bytes);
    return Buffer.from(bytes).toString("base64");
  }
}

const alignmentOf = (text: string) => ({
  chars: [...text],
  charStartTimesMs: [...text].map((_, index) => index * CHARACTER_MS),
  charDurationsMs: [...text].map(() => CHARACTER_MS),
});
