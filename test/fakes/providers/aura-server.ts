import type { WebSocket } from "ws";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Behaviour, type Fault, ofHandshake, pause } from "./behaviour.ts";
import { FakeSocketServer, type Handshake, watched } from "./socket-server.ts";
import { bytesOf, CHARACTER_MS, spoken } from "./voice-sound.ts";

interface Say {
  readonly type: "Speak" | "Flush" | "Clear" | "Close";
  readonly text?: string;
}

const CHUNK_CHARACTERS = 4;

/**
 * Deepgram's `speak.v1` as its reference describes it (November 2026): model, coding and rate in the query, binary sound, `Flushed`
 * after all of a flush, `Cleared` after what was not said yet is forgotten.
 */
export class FakeAura extends FakeSocketServer {
  /** Also answers the flush that a `Clear` overtook, after it. */
  lateFlushed = false;

  constructor(mood?: Behaviour) {
    super(mood, (socket, handshake) => {
      const { path, query } = handshake;
      if (path !== "/v1/speak" || !query.get("model")?.startsWith("aura")) return socket.close(1008, "DATA-0001");
      const connection = { socket, handshake, chain: Promise.resolve(true), text: "", run: 0, sequence: 0 };
      socket.send(JSON.stringify({ type: "Metadata", request_id: "1", model_name: query.get("model") }));
      socket.on("message", (data) => this.#hear(connection, JSON.parse(data.toString()) as Say));
    });
  }

  #hear(connection: Connection, { type, text = "" }: Say): void {
    const { socket } = connection;
    const answer = (what: string): void =>
      socket.send(JSON.stringify({ type: what, sequence_id: connection.sequence++ }));
    if (type === "Speak") connection.text += text;
    if (type === "Close") socket.close(1000);
    if (type === "Clear") {
      connection.run += 1;
      connection.text = "";
      connection.chain = Promise.resolve(true);
      answer("Cleared");
      if (this.lateFlushed) answer("Flushed");
    }
    if (type !== "Flush") return;
    const { run, text: words } = connection;
    connection.text = "";
    const fault = this.moods.next((one) => !ofHandshake(one));
    const alive = (): boolean => connection.run === run;
    connection.chain = connection.chain.then(async (whole) => {
      if (!whole || !(await this.#speak(connection, words, { fault, alive }))) return false;
      if (alive()) answer("Flushed");
      return true;
    });
  }

  /** False: nothing more comes of it. */
  async #speak(
    { socket, handshake: { query } }: Connection,
    words: string,
    { fault, alive }: { fault: Fault | undefined; alive: () => boolean },
  ): Promise<boolean> {
    const { firstMs, perSecond } = this.moods;
    if (fault === "silent" || !(await pause(firstMs, watched(socket)))) return false;
    if (fault === "empty") return true;
    if (fault === "garbage") {
      socket.send("<html>502 Bad Gateway</html>");
      return false;
    }
    const half = fault === "stall" || fault === "close" ? Math.ceil(words.length / 2) : words.length;
    for (let at = 0; at < half && alive(); at += CHUNK_CHARACTERS) {
      const piece = words.slice(at, at + CHUNK_CHARACTERS);
      socket.send(soundOf(piece, query));
      if (perSecond > 0 && !(await pause((piece.length * CHARACTER_MS) / perSecond, watched(socket)))) return false;
    }
    if (fault === "close") socket.close(1011, "NET-0000");
    return fault === undefined;
  }
}

interface Connection {
  readonly socket: WebSocket;
  readonly handshake: Handshake;
  chain: Promise<boolean>;
  text: string;
  /** How often it was cleared. */
  run: number;
  sequence: number;
}

function soundOf(text: string, query: URLSearchParams): Buffer {
  const pcm = spoken(text, Number(query.get("sample_rate")));
  if (query.get("encoding") === "linear16") return bytesOf(pcm);
  const bytes = new Uint8Array(pcm.length);
  ulaw.encode(pcm, bytes);
  return Buffer.from(bytes);
}
