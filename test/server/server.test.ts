import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { createLiveCalls, type LiveCalls } from "../../src/server/live.ts";
import { type Readiness, type Server, type ServerOptions, startServer } from "../../src/server/server.ts";
import { isAuthorised, readOrMakeToken, readToken, tokenFile } from "../../src/server/token.ts";
import { legOf } from "./support.ts";

const TOKEN = "t".repeat(43);
const authorised = { headers: { authorization: `Bearer ${TOKEN}` } };

let live: LiveCalls;
let readiness: Readiness;
let server: Server;

const options = (): ServerOptions => ({
  at: { host: "127.0.0.1", port: 0 },
  token: TOKEN,
  version: "0.0.0",
  clock: systemClock,
  live,
  readiness: () => readiness,
  registry: createMetrics().registry,
});

beforeEach(async () => {
  live = createLiveCalls({ clock: systemClock });
  readiness = { ready: true, reasons: [] };
  server = await startServer(options());
});
afterEach(() => server.close());

const get = (path: string, init?: RequestInit) => fetch(`${server.url}${path}`, init);

describe("health", () => {
  test("the process is well while it answers at all", async () => {
    const response = await get("/healthz");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ status: "ok", pid: process.pid });
  });

  test("it is ready only while an engine is connected, and says what is missing", async () => {
    expect((await get("/readyz")).status).toBe(200);
    readiness = { ready: false, reasons: ["asterisk: the password of ARI is wrong."] };
    const response = await get("/readyz");
    expect(response.status).toBe(503);
    expect(await response.json()).toEqual({ ready: false, reasons: ["asterisk: the password of ARI is wrong."] });
  });

  test("Prometheus gets its text without a token", async () => {
    const response = await get("/metrics");
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await response.text()).toContain("sidetone_calls_active 0");
  });
});

describe("the API", () => {
  test.each(["/api/calls", "/api/events"])("%s asks for the token", async (path) => {
    expect((await get(path)).status).toBe(401);
    expect((await get(path, { headers: { authorization: "Bearer wrong" } })).status).toBe(401);
    expect((await get(path, { headers: { authorization: `Bearer ${"x".repeat(43)}` } })).status).toBe(401);
  });

  test("shows the calls that are up, without the caller's number, and forgets those that are over", async () => {
    const entry = live.open(legOf(), "reception");
    entry.callerWords("when are you", false);
    entry.agentWords("We are open");
    const [call] = ((await (await get("/api/calls", authorised)).json()) as { calls: object[] }).calls;
    expect(call).toMatchObject({
      id: "1700000000.1",
      agent: "reception",
      from: "…456",
      callerWords: "when are you",
      agentWords: "We are open",
    });
    expect(JSON.stringify(call)).not.toContain("4930123456");
    entry.ended({ next: "hangup" });
    entry.ended({ next: "hangup" });
    expect(await (await get("/api/calls", authorised)).json()).toEqual({ calls: [] });
  });

  test("refuses a body that is too large, and knows no other address", async () => {
    expect((await get("/nothing")).status).toBe(404);
    const body = "x".repeat(100_000);
    const response = await get("/api/calls", {
      method: "POST",
      body,
      headers: { ...authorised.headers, "content-type": "text/plain" },
    });
    expect([404, 413]).toContain(response.status);
  });
});

describe("events", () => {
  test("tell what happens in every call, as it happens", async () => {
    const response = await get("/api/events", authorised);
    const lines = (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    const until = async (wanted: string) => {
      while (!text.includes(wanted)) text += (await lines.read()).value ?? "";
    };
    await until(": sidetone");
    const entry = live.open(legOf(), "reception");
    entry.callerWords("hello", true);
    entry.bargeIn(42);
    entry.ended({ next: "transfer", target: "sales" });
    await until("event: ended");
    expect(text).toContain(
      'event: started\ndata: {"type":"started","call":"1700000000.1","agent":"reception","from":"…456"}\n\n',
    );
    expect(text).toContain(
      'event: callerWords\ndata: {"type":"callerWords","call":"1700000000.1","text":"hello","final":true}\n\n',
    );
    expect(text).toContain('"type":"bargeIn","call":"1700000000.1","ms":42');
    expect(text).toContain('"next":{"next":"transfer","target":"sales"}');
    await lines.cancel();
  });

  test("a reader that does not read is dropped, and the calls go on", async () => {
    const { port } = new URL(server.url);
    const socket = connect(Number(port), "127.0.0.1");
    const closed = new Promise((resolve) => socket.on("close", resolve));
    socket.on("error", () => undefined);
    socket.write(`GET /api/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    await new Promise((resolve) => socket.once("data", resolve));
    socket.pause();
    const entry = live.open(legOf(), "reception");
    // Ten megabytes: more than the kernel takes before anything is left unread here.
    for (let i = 0; i < 100; i++) {
      for (let j = 0; j < 200; j++) entry.agentWords("x".repeat(500));
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.resume();
    await closed;
    expect(live.count).toBe(1);
  });

  test("all streams end when the server closes", async () => {
    const response = await get("/api/events", authorised);
    await server.close();
    expect(await response.text()).toBe(": sidetone\n\n");
  });
});

describe("listening", () => {
  test("a taken port is named, with the key to change", async () => {
    const { port } = new URL(server.url);
    await expect(startServer({ ...options(), at: { host: "127.0.0.1", port: Number(port) } })).rejects.toThrow(
      `The API cannot listen: port ${port} on 127.0.0.1 is taken by another program (perhaps another Sidetone). Set server.port in sidetone.yaml`,
    );
    expect((await get("/healthz")).status).toBe(200);
  });

  test("an address of another machine is named too", async () => {
    await expect(startServer({ ...options(), at: { host: "192.0.2.1", port: 0 } })).rejects.toThrow(
      "192.0.2.1 is no address of this machine. Set server.host",
    );
  });
});

describe("the token", () => {
  test("is made once, and only its owner may read it", () => {
    const folder = mkdtempSync(join(tmpdir(), "sidetone-token-"));
    try {
      const state = join(folder, "state");
      expect(readToken(state)).toBeUndefined();
      const token = readOrMakeToken(state, silentLog);
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(readOrMakeToken(state, silentLog)).toBe(token);
      expect(readToken(state)).toBe(token);
      expect(statSync(tokenFile(state)).mode & 0o777).toBe(0o600);
      writeFileSync(tokenFile(state), "short");
      expect(readOrMakeToken(state, silentLog)).toMatch(/^[\w-]{43}$/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("that the disk does not take costs the API, and neither the start nor a call", () => {
    const folder = mkdtempSync(join(tmpdir(), "sidetone-token-"));
    try {
      const said: object[] = [];
      // A file where the folder should be: root may write everywhere else.
      writeFileSync(join(folder, "state"), "");
      const log = { ...silentLog, error: (fields: object) => void said.push(fields) };
      const token = readOrMakeToken(join(folder, "state"), log);
      expect(token).toMatch(/^[\w-]{43}$/);
      expect(said).toEqual([{ stateDir: join(folder, "state"), reason: expect.stringMatching(/ENOTDIR|EEXIST/) }]);
      expect(JSON.stringify(said)).not.toContain(token);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("nothing but the whole of it opens the API", () => {
    expect(isAuthorised(`Bearer ${TOKEN}`, TOKEN)).toBe(true);
    expect(isAuthorised(`Bearer ${TOKEN}x`, TOKEN)).toBe(false);
    expect(isAuthorised(undefined, TOKEN)).toBe(false);
    expect(isAuthorised("", "")).toBe(false);
  });
});
