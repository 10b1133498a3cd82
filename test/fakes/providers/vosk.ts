import type { WebSocket } from "ws";
import { systemClock } from "../../../src/base/clock.ts";
import { FakeServer, type FakeServerOptions } from "./server.ts";
import { Understanding, type UnderstandingOptions } from "./understanding.ts";

export interface FakeVoskOptions extends UnderstandingOptions, FakeServerOptions {
  /** From `eof` to its answer. */
  readonly finalMs?: number;
}

/**
 * vosk-server's websocket as its asr_server.py does it (read in November 2026): a `config`, then one answer to each piece of sound,
 * `partial` or `text`; the text `{"eof" : 1}`, exactly so, is answered with the last words, and the connection is closed.
 */
export class FakeVosk {
  readonly server: FakeServer;
  /** The configurations that came. */
  readonly configs: Record<string, unknown>[] = [];
  readonly #options: FakeVoskOptions;

  private constructor(options: FakeVoskOptions) {
    this.#options = options;
    this.server = new FakeServer(options, (socket) => this.#accept(socket));
    this.server.refusal = () => this.server.statusFault;
  }

  static async start(options: FakeVoskOptions = {}): Promise<FakeVosk> {
    const fake = new FakeVosk(options);
    await fake.server.listen(options.port);
    return fake;
  }

  get url(): string {
    return this.server.url;
  }

  close(): Promise<void> {
    return this.server.close();
  }

  #accept(socket: WebSocket): void {
    const { finalMs = 20 } = this.#options;
    let [rate, stalled] = [8000, false];
    let understanding: Understanding | undefined;
    const send = (answer: object): void => {
      const { fault } = this.server;
      if (stalled || fault === "silent" || socket.readyState !== socket.OPEN) return;
      socket.send(fault === "garbage" ? "<html>502 Bad Gateway</html>" : JSON.stringify(answer));
    };
    socket.on("message", (data, binary) => {
      const bytes = data as Buffer;
      const text = binary ? "" : bytes.toString("utf8");
      if (text.includes("config")) {
        const { config } = JSON.parse(text) as { config: Record<string, unknown> };
        this.configs.push(config);
        rate = Number(config.sample_rate ?? rate);
        return;
      }
      understanding ??= new Understanding(rate, this.#options);
      const empty = this.server.fault === "empty";
      if (text === '{"eof" : 1}') {
        const said = empty ? "" : understanding.take().text;
        const result = said
          .split(" ")
          .filter((word) => word !== "")
          .map((word) => ({ word, conf: 0.9, start: 0, end: 0 }));
        systemClock.after(finalMs, () => {
          send({ ...(result.length > 0 && { result }), text: said });
          if (!stalled && this.server.fault !== "silent") socket.close(1000);
        });
        return;
      }
      const pcm = new Int16Array(bytes.length / 2);
      new Uint8Array(pcm.buffer).set(bytes);
      understanding.push(pcm);
      const words = empty ? "" : understanding.words;
      send({ partial: words });
      if (words === "") return;
      if (this.server.fault === "close") socket.close(1011);
      if (this.server.fault === "stall") stalled = true;
    });
  }
}
