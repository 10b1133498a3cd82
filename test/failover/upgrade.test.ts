import { once } from "node:events";
import { cpSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import type { WorkerSummary } from "../../src/server/server.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { Folder } from "../config/support.ts";
import { freePort } from "../engines/free-port.ts";
import { FakeAsterisk } from "../fakes/asterisk/fake-asterisk.ts";
import type { LentCall } from "../fakes/asterisk/lent-call.ts";
import { gone } from "../supervisor/support.ts";
import { Running } from "../support/running.ts";

const root = resolve(import.meta.dirname, "..", "..");
const WAIT_MS = 120_000;

const RATE = 8000;
const HZ = 440;
/** It speaks for longer than the test may take. */
const SPEECH_S = 240;
const AGENT = `greeting: Hello.
vad: fvad
stt: ear
tts: voice
script: {intents: [{name: hours, phrases: [when are you open], answer: Always.}], else: Pardon?}
`;

/** A voice beside the service: what is measured here must not wait for one that is computed. */
async function serveVoice(): Promise<{ url: string } & AsyncDisposable> {
  const tone = (_: unknown, index: number) => 8000 * Math.sin((2 * Math.PI * HZ * index) / RATE);
  const sound = Buffer.from(Int16Array.from({ length: SPEECH_S * RATE }, tone).buffer);
  const server = createServer((request, response) => {
    request.resume();
    response.writeHead(200, { "content-type": "audio/pcm" }).end(request.method === "POST" ? sound : undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/v1`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** A whole package as a package manager unpacks it, with another version in it; `broken` does not start. */
function unpack(folder: string, version: string, broken = false): void {
  for (const part of ["src", "bin", "models"]) cpSync(join(root, part), join(folder, part), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  const own: object = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(folder, "package.json"), JSON.stringify({ ...own, version }));
  if (broken) writeFileSync(join(folder, "src", "service", "worker.ts"), "throw new Error('not even this');\n");
}

const open: { service?: Running } = {};
const cleanup: (() => Promise<void> | void)[] = [];
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") process.stderr.write(open.service?.log ?? "");
  for (const undo of cleanup.splice(0).reverse()) await undo();
});

describe("an upgrade", () => {
  const pbx = new FakeAsterisk();
  let folder: Folder;
  let service: Running;
  let url = "";

  async function started(): Promise<void> {
    const port = await freePort();
    folder = new Folder({ "agents/reception.yaml": AGENT });
    cleanup.push(() => folder[Symbol.dispose]());
    await pbx.start();
    cleanup.push(() => pbx.stop());
    const engines = `{asterisk: {ari: {url: "ws://127.0.0.1:${pbx.port}", password: ari-secret}, ami: {port: ${pbx.ami.port}, password: ami-secret}}}`;
    const voice = await serveVoice();
    cleanup.push(async () => await voice[Symbol.asyncDispose]());
    folder.write(
      "sidetone.yaml",
      `engines: ${engines}
server: {port: ${port}}
stateDir: state
cacheDir: cache
log: {format: json}
supervisor: {startSeconds: 120}
ladder: {tts: {firstMs: 10000}}
providers:
  ear: {type: openai-transcription, baseUrl: "${voice.url}", model: none}
  voice: {type: openai-speech, baseUrl: "${voice.url}", model: tone, rateHz: ${RATE}, firstMs: 10000, stallMs: 10000}
`,
    );
    url = `http://127.0.0.1:${port}`;
    unpack(join(folder.path, "one"), "1.0.0");
    symlinkSync("one", join(folder.path, "current"));
    service = new Running(folder.file, { launcher: join(folder.path, "current", "bin", "sidetone") });
    open.service = service;
    cleanup.push(async () => {
      service.signal("SIGTERM");
      service.signal("SIGINT");
      await service.exited;
    });
    await service.says("the worker is ready");
    await expect
      .poll(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok, { timeout: WAIT_MS })
      .toBe(true);
  }

  const point = (to: string): void => {
    symlinkSync(to, join(folder.path, "next"));
    renameSync(join(folder.path, "next"), join(folder.path, "current"));
  };

  const health = async () =>
    (await (await fetch(`${url}/healthz`)).json()) as { version: string; workers: WorkerSummary[] };
  const version = (): Promise<string> =>
    health().then(
      (state) => state.version,
      () => "",
    );
  const has = (pid: number): Promise<number | undefined> =>
    health().then(
      ({ workers }) => workers.find((worker) => worker.pid === pid)?.calls,
      () => undefined,
    );
  const taking = async (): Promise<number> => (await health()).workers.find((worker) => worker.taking)?.pid ?? 0;
  const programOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, "utf8");

  /** The agent, from now on. */
  async function hears(call: LentCall): Promise<void> {
    const before = call.line.packets;
    await call.line.until(() => call.line.packets > before + 25 && call.line.share(HZ) > 0.5, "the agent", WAIT_MS);
    expect(call.place).toBe("lent");
  }

  async function called(): Promise<LentCall> {
    const call = pbx.dial({ offeredMs: 20_000 });
    await hears(call);
    return call;
  }

  async function records(): Promise<readonly (string | undefined)[]> {
    const database = openReading(join(folder.path, "state", "records"));
    try {
      return database ? (await listCalls(database.db, { limit: 10 })).map(({ next }) => next?.next) : [];
    } finally {
      database?.close();
    }
  }

  test("by another folder at the link's end answers new callers at once, lets the old ones talk to their end, and one that does not start changes nothing", {
    timeout: 240_000,
  }, async () => {
    await started();
    expect(await version()).toBe("1.0.0");
    const first = await taking();
    const alice = await called();
    await expect.poll(() => has(first)).toBe(1);

    unpack(join(folder.path, "two"), "2.0.0");
    point("two");
    service.signal("SIGHUP");
    await expect.poll(version, { timeout: WAIT_MS }).toBe("2.0.0");
    const second = await taking();
    const bob = await called();
    await expect.poll(() => has(second)).toBe(1);
    expect(programOf(second)).toContain(join(folder.path, "two", "src", "main.ts"));
    await hears(alice);
    expect(await has(first)).toBe(1);
    expect(programOf(first)).toContain(join(folder.path, "one", "src", "main.ts"));

    // What does not start costs nobody anything, even where the old folder is gone by now.
    rmSync(join(folder.path, "one"), { recursive: true });
    unpack(join(folder.path, "three"), "3.0.0", true);
    point("three");
    service.signal("SIGHUP");
    await service.says("the old ones stay");
    expect(service.log).toContain("not even this");
    expect(await taking()).toBe(second);
    await Promise.all([hears(alice), hears(bob)]);
    alice.hangUp();
    await gone(first);
    bob.hangUp();
    await expect.poll(records, { timeout: WAIT_MS }).toEqual(["hangup", "hangup"]);
    // One offer each, and nobody was in the menu.
    expect(pbx.mediaRequests).toEqual([101, 101]);
  });
});
