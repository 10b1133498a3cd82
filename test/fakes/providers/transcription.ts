import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { readWav } from "../../../src/audio/wav.ts";
import { systemClock } from "../../../src/base/clock.ts";
import type { Fault } from "./server.ts";
import { Understanding, type UnderstandingOptions } from "./understanding.ts";

export interface FakeTranscriptionOptions extends UnderstandingOptions {
  readonly apiKey?: string;
  readonly port?: number;
  /** From the request to its answer. */
  readonly finalMs?: number;
}

/**
 * OpenAI's `POST /audio/transcriptions` as the `openai` library 7.57.0 sends it and types its answer; the vendor's own pages were
 * not followed. Multipart with a WAV file, model, language and prompt; answers JSON with `text`.
 */
export class FakeTranscription {
  readonly #server = createServer(
    (request, response) => void this.#serve(request, response).catch(() => response.destroy()),
  );
  readonly #sockets = new Set<Socket>();
  readonly #options: FakeTranscriptionOptions;
  /** The fields of the forms that came, the file apart. */
  readonly forms: Record<string, string>[] = [];
  fault: Fault | undefined;
  attempts = 0;

  private constructor(options: FakeTranscriptionOptions) {
    this.#options = options;
    this.#server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#sockets.delete(socket));
      if (this.fault === "refuse") socket.destroy();
    });
  }

  static async start(options: FakeTranscriptionOptions = {}): Promise<FakeTranscription> {
    const fake = new FakeTranscription(options);
    await new Promise<void>((resolve) => fake.#server.listen(options.port ?? 0, "127.0.0.1", resolve));
    return fake;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/v1`;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== "POST" || request.url !== "/v1/audio/transcriptions") {
      response.writeHead(404).end();
      return;
    }
    this.attempts += 1;
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const { fault } = this;
    const { apiKey } = this.#options;
    const status = apiKey !== undefined && request.headers.authorization !== `Bearer ${apiKey}` ? 401 : Number(fault);
    if (fault === "silent") return;
    if (status >= 400) {
      response.writeHead(status, { "content-type": "application/json" }).end('{"error":{"message":"no"}}');
      return;
    }
    const type = request.headers["content-type"] ?? "";
    const form = await new Response(Buffer.concat(chunks), { headers: { "content-type": type } }).formData();
    const file = form.get("file");
    const fields = [...form].flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : []));
    this.forms.push(Object.fromEntries(fields) as Record<string, string>);
    if (!(file instanceof Blob)) throw new Error("there is no file in the form");
    const { rate, channels } = readWav(new Uint8Array(await file.arrayBuffer()));
    const understanding = new Understanding(rate, this.#options);
    if (channels[0]) understanding.push(channels[0]);
    // The file ends with the utterance: what ends a word is silence.
    understanding.push(new Int16Array(rate / 10));
    const text = fault === "empty" ? "" : understanding.take().text;
    await systemClock.sleep(this.#options.finalMs ?? 20);
    response.writeHead(200, { "content-type": "application/json" });
    if (fault === "garbage") response.end("<html>502 Bad Gateway</html>");
    else if (fault === "close") response.write('{"te', () => response.destroy());
    else if (fault === "stall") response.write('{"te');
    else response.end(JSON.stringify({ text }));
  }
}
