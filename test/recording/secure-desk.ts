import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "vitest";
import { WebSocketServer } from "ws";
import { stringify } from "yaml";
import { DtmfDetector } from "../../src/audio/dtmf-detector.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { FakeOpenAi } from "../fakes/providers/openai-server.ts";
import { FakeShop } from "../fakes/tools/shop.ts";

const PIN = "739146";
/** Pressed in the open, so that whoever looks for keys is seen to find them. */
const OPEN = "58";
/** The secret in one piece, or key by key with something between. */
export const LEAK = new RegExp(PIN.split("").join("[^0-9]{0,80}"));

const AGENT = {
  name: "reception",
  greeting: "Good day.",
  llm: "model",
  stt: "listener",
  prompt: "You look after accounts.",
  tools: ["check_pin"],
  human: false,
  collectors: { pin: { ask: "Please press your PIN.", digits: { min: 6, max: 6, secure: true } } },
};

const digitsIn = (pcm: Int16Array, rate: number): string => {
  const detector = new DtmfDetector({ rate });
  return [...detector.push(pcm), ...detector.flush()].map(({ digit }) => digit).join("");
};

/** A recogniser that understands nothing, and keeps what it is sent. */
class Listener {
  readonly #server = new WebSocketServer({ host: "127.0.0.1", port: 0 });
  readonly #sound: Buffer[] = [];

  constructor() {
    this.#server.on("connection", (socket) => {
      socket.on("message", (data, binary) => {
        const bytes = data as Buffer;
        if (binary) this.#sound.push(bytes);
        else if (bytes.includes("eof")) socket.send('{"text":""}', () => socket.close(1000));
        if (binary) socket.send('{"partial":""}');
      });
    });
  }

  get url(): string {
    const address = this.#server.address();
    return `ws://127.0.0.1:${typeof address === "object" && address ? address.port : 0}`;
  }

  get pcm(): Int16Array {
    const all = Buffer.concat(this.#sound);
    return Int16Array.from({ length: all.length >> 1 }, (_, at) => all.readInt16LE(at * 2));
  }

  close(): void {
    for (const client of this.#server.clients) client.terminate();
    this.#server.close();
  }
}

export async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** An agent that asks for a PIN, with everybody whom it talks to: what each of them was given is looked through. */
export class SecureDesk implements AsyncDisposable {
  readonly model = new FakeOpenAi();
  readonly shop = new FakeShop();
  readonly listener = new Listener();
  folder = "";

  /** More of sidetone.yaml. */
  async start(): Promise<Readonly<Record<string, unknown>>> {
    this.folder = await mkdtemp(join(tmpdir(), "sidetone-agents-"));
    await writeFile(join(this.folder, "reception.yaml"), stringify(AGENT));
    await this.model.listen();
    await this.shop.listen();
    this.model.answer = ({ messages }) => {
      const results = messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
      if (results.length === 0) return { tools: [{ name: "collect_digits", arguments: '{"collector":"pin"}' }] };
      const { token } = results.length === 1 ? (JSON.parse(results[0] ?? "{}") as { token?: string }) : {};
      if (token !== undefined) return { tools: [{ name: "check_pin", arguments: JSON.stringify({ pin: token }) }] };
      return { text: "Thank you, that is right." };
    };
    const { model, listener, shop, folder } = this;
    return {
      agents: folder,
      cacheDir: join(folder, "cache"),
      log: { format: "json", level: "debug" },
      recording: { mode: "call", consent: "none" },
      providers: {
        model: { type: "openai", model: "fake", baseUrl: model.baseUrl },
        listener: { type: "vosk", url: listener.url },
      },
      tools: {
        check_pin: {
          ...{ type: "http", description: "Checks the PIN.", method: "POST", url: `${shop.url}/echo`, private: true },
          body: { pin: "{pin}" },
          parameters: { pin: { type: "token", collector: "pin" } },
        },
      },
    };
  }

  /**
   * A whole call to a service that writes below `dir`: the PIN reaches the tool that checks it, and stands nowhere else, while the
   * call is up and afterwards. The keys that were pressed in the open are found, so that whoever looks is seen to find.
   */
  async keepsSecret(leg: CallLeg, { dir, signal }: { dir: string; signal: AbortSignal }): Promise<void> {
    await this.#pressed(leg, signal);
    expect(this.shop.asked.map(({ body }) => body)).toEqual([JSON.stringify({ pin: PIN })]);
    expect((await filesBelow(dir)).some((file) => file.endsWith("calls.db"))).toBe(true);
    expect(await this.#leaks([dir]), "while the call is up").toEqual([]);
    await leg.hangUp();
    const recordings = join(dir, "state/recordings");
    const wavs = async () => (await filesBelow(recordings)).filter((file) => file.endsWith(".wav"));
    await expect.poll(async () => (await wavs()).length, { timeout: 20_000 }).toBe(1);

    expect(await this.#leaks([dir]), "afterwards").toEqual([]);
    const sent = this.model.requests.map(({ body }) => body).join("\n");
    expect(sent).toContain("token-");
    expect(sent).toContain("[removed]");
    expect(sent).not.toMatch(LEAK);
    const [file = ""] = await wavs();
    const { rate, channels } = readWav(await readFile(file));
    expect(digitsIn(channels[0] ?? new Int16Array(), rate), "the recording").toBe(OPEN);
    expect(digitsIn(channels[1] ?? new Int16Array(), rate), "the agent's side").toBe("");
    expect(digitsIn(this.listener.pcm, 8000), "the recogniser").not.toMatch(/[739146]/);
  }

  /** A caller who presses keys in the open, is asked for the PIN, and presses it, with tones in the sound as well. Resolves when it was answered. */
  async #pressed(leg: CallLeg, signal: AbortSignal): Promise<void> {
    await leg.answered;
    const spoken = (sinceMs: number, ms = 600) => leg.heard.soundFor({ ms, sinceMs, signal });
    await spoken(leg.times.answeredMs ?? 0, 300);
    await leg.press(OPEN, { method: "inband" });
    const open = await leg.press(OPEN);
    await spoken(open.at(-1)?.endMs ?? 0);
    await leg.press(PIN, { method: "inband" });
    const keys = await leg.press(PIN);
    await spoken(keys.at(-1)?.endMs ?? 0);
    const deadline = systemClock.now() + 20_000;
    while (this.shop.asked.length === 0 && systemClock.now() < deadline) await systemClock.sleep(50, signal);
  }

  /** The files below these folders, and these files, in which the secret stands. Of a recording the sound is looked through. */
  async #leaks(places: readonly string[]): Promise<string[]> {
    const files = (await Promise.all([...places, this.folder].map(filesBelow))).flat();
    const texts = await Promise.all(files.map(async (file) => [file, await readFile(file, "latin1").catch(() => "")]));
    return texts.flatMap(([file = "", text = ""]) => (!file.endsWith(".wav") && LEAK.test(text) ? [file] : []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.model.close();
    await this.shop.close();
    this.listener.close();
    await rm(this.folder, { recursive: true, force: true });
  }
}
