import type { WebSocket } from "ws";
import { type Behaviour, type Fault, ofHandshake, pause } from "./behaviour.ts";
import { FakeSocketServer, watched } from "./socket-server.ts";
import { bytesOf, CHARACTER_MS, spoken } from "./voice-sound.ts";

interface Say {
  readonly context_id: string;
  readonly transcript?: string;
  readonly continue?: boolean;
  readonly cancel?: boolean;
  readonly output_format?: { readonly sample_rate: number };
}

/** Speaks Cartesia's websocket: contexts, base64 audio, times of words in seconds from the context's beginning. */
export class FakeCartesia extends FakeSocketServer {
  constructor(mood?: Behaviour) {
    super(mood, (socket, { path, headers }) => {
      if (path !== "/tts/websocket" || !headers["cartesia-version"]) return socket.close(1008);
      const contexts = new Map<string, { chain: Promise<boolean>; ms: number }>();
      socket.on("message", (data) => {
        const say = JSON.parse(data.toString()) as Say;
        const id = say.context_id;
        if (say.cancel) return void contexts.delete(id);
        const context = contexts.get(id) ?? { chain: Promise.resolve(true), ms: 0 };
        contexts.set(id, context);
        const { transcript = "" } = say;
        const fault = transcript === "" ? undefined : this.moods.next((one) => !ofHandshake(one));
        const alive = () => contexts.get(id) === context;
        context.chain = context.chain.then(async (whole) => {
          if (!whole || !alive()) return false;
          if (transcript !== "" && !(await this.#speak(socket, say, context, { fault, alive }))) return false;
          if (!say.continue) send(socket, { type: "done", done: true, status_code: 206, context_id: id });
          return true;
        });
      });
    });
  }

  async #speak(
    socket: WebSocket,
    { context_id, transcript = "", output_format }: Say,
    context: { ms: number },
    { fault, alive }: { fault: Fault | undefined; alive: () => boolean },
  ): Promise<boolean> {
    const { firstMs, perSecond } = this.moods;
    if (fault === "silent" || !(await pause(firstMs, watched(socket)))) return false;
    if (fault === "empty") return true;
    if (fault === "garbage") {
      socket.send("}{");
      return false;
    }
    const words = transcript.trimEnd().split(" ");
    const half = fault === "stall" || fault === "close" ? Math.ceil(words.length / 2) : words.length;
    for (const word of words.slice(0, half)) {
      if (!alive()) return false;
      const data = bytesOf(spoken(`${word} `, output_format?.sample_rate ?? 44_100)).toString("base64");
      const [start, end] = [context.ms / 1000, (context.ms + word.length * CHARACTER_MS) / 1000];
      context.ms += (word.length + 1) * CHARACTER_MS;
      const word_timestamps = { words: [word.replace(/[.,!?]$/, "")], start: [start], end: [end] };
      send(socket, { type: "timestamps", done: false, status_code: 206, context_id, word_timestamps });
      send(socket, { type: "chunk", done: false, status_code: 206, context_id, data, step_time: 1 });
      if (perSecond > 0 && !(await pause(((word.length + 1) * CHARACTER_MS) / perSecond, watched(socket))))
        return false;
    }
    if (fault === "close") socket.close(1011, "internal error");
    return fault === undefined;
  }
}

const send = (socket: WebSocket, message: object): void => socket.send(JSON.stringify(message));
