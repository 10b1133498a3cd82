import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { WebSocketServer } from "ws";
import { stringify } from "yaml";
import { DtmfDetector } from "../../src/audio/dtmf-detector.ts";
import { readWav } from "../../src/audio/wav.ts";
import { FakeOpenAi } from "../fakes/providers/openai-server.ts";
import { FakeShop } from "../fakes/tools/shop.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const install = inject("asterisk");
const PIN = "739146";
/** Pressed in the open, so that whoever looks for keys is seen to find them. */
const OPEN = "58";

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

/** The secret in one piece, or key by key with something between. */
const LEAK = new RegExp(PIN.split("").join("[^0-9]{0,80}"));

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

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe.skipIf(!install)("a caller's PIN, on a real Asterisk", () => {
  let whole: WholeService;
  let agents: string;
  const model = new FakeOpenAi();
  const shop = new FakeShop();
  const listener = new Listener();

  beforeAll(async () => {
    agents = await mkdtemp(join(tmpdir(), "sidetone-agents-"));
    await mkdir(agents, { recursive: true });
    await writeFile(join(agents, "reception.yaml"), stringify(AGENT));
    await model.listen();
    await shop.listen();
    model.answer = ({ messages }) => {
      const results = messages.filter(({ role }) => role === "tool").map(({ content }) => String(content));
      if (results.length === 0) return { tools: [{ name: "collect_digits", arguments: '{"collector":"pin"}' }] };
      const { token } = results.length === 1 ? (JSON.parse(results[0] ?? "{}") as { token?: string }) : {};
      if (token !== undefined) return { tools: [{ name: "check_pin", arguments: JSON.stringify({ pin: token }) }] };
      return { text: "Thank you, that is right." };
    };
    const settings = {
      agents,
      cacheDir: join(agents, "cache"),
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
    if (install) whole = await startWholeService(install, { settings });
  }, 120_000);
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
    await model.close();
    await shop.close();
    listener.close();
    await rm(agents, { recursive: true, force: true });
  });

  /** The files in which the secret stands. */
  async function leaks(): Promise<string[]> {
    const files = [...(await filesBelow(whole.dir)), ...(await filesBelow(agents))];
    const texts = await Promise.all(files.map(async (file) => [file, await readFile(file, "latin1").catch(() => "")]));
    expect(files.some((file) => file.endsWith("calls.db"))).toBe(true);
    return texts.flatMap(([file = "", text = ""]) => (!file.endsWith(".wav") && LEAK.test(text) ? [file] : []));
  }

  test("reaches the tool that checks it, and nobody and nothing else", async () => {
    const { phone, dir } = whole;
    const signal = AbortSignal.timeout(60_000);
    const leg = await phone.call("4100", { codec: "ulaw", signal });
    await leg.answered;
    const quiet = { ms: 600, signal };
    await leg.heard.soundFor({ ms: 300, sinceMs: leg.times.answeredMs ?? 0, signal });
    await leg.press(OPEN, { method: "inband" });
    const pressed = await leg.press(OPEN);
    await leg.heard.soundFor({ ...quiet, sinceMs: pressed.at(-1)?.endMs ?? 0 });
    await leg.press(PIN, { method: "inband" });
    const keys = await leg.press(PIN);
    await leg.heard.soundFor({ ...quiet, sinceMs: keys.at(-1)?.endMs ?? 0 });
    await expect.poll(() => shop.asked.length, { timeout: 10_000 }).toBe(1);
    expect(shop.asked[0]?.body).toBe(JSON.stringify({ pin: PIN }));
    expect(await leaks(), "while the call is up").toEqual([]);
    await leg.hangUp();
    const recordings = join(dir, "state/recordings");
    const wavs = async () => (await filesBelow(recordings)).filter((file) => file.endsWith(".wav"));
    await expect.poll(async () => (await wavs()).length, { timeout: 20_000 }).toBe(1);

    expect(await leaks(), "afterwards").toEqual([]);
    const sent = model.requests.map(({ body }) => body).join("\n");
    expect(sent).toContain("token-");
    expect(sent).toContain("[removed]");
    expect(sent).not.toMatch(LEAK);
    const [file = ""] = await wavs();
    const { rate, channels } = readWav(await readFile(file));
    expect(digitsIn(channels[0] ?? new Int16Array(), rate), "the recording").toBe(OPEN);
    expect(digitsIn(channels[1] ?? new Int16Array(), rate), "the agent's side").toBe("");
    expect(digitsIn(listener.pcm, 8000), "the recogniser").not.toMatch(/[739146]/);
    const log = await readFile(join(dir, "sidetone.log"), "utf8");
    expect(log).toContain("call ended");
  }, 90_000);
});
