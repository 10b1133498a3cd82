import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { createMetrics, type Metrics } from "../../src/base/metrics.ts";
import { createLiveCalls, type LiveCalls } from "../../src/server/live.ts";
import { type Server, type ServerOptions, startServer } from "../../src/server/server.ts";
import { legOf } from "./support.ts";

const TOKEN = "t".repeat(43);
const headers = { authorization: `Bearer ${TOKEN}` };

interface Side {
  readonly live: LiveCalls;
  readonly metrics: Metrics;
  ready: boolean;
}

const side = (worker: number): Side => ({
  live: createLiveCalls({ clock: systemClock }),
  metrics: createMetrics(worker),
  ready: true,
});

let folder: string;
let own: Side;
let other: Side;
let others: Server;
let server: Server;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "sidetone-peers-"));
  [own, other] = [side(1), side(2)];
  const optionsOf = ({ live, metrics, ...rest }: Side, it: () => Side): Omit<ServerOptions, "at"> => ({
    ...{ token: TOKEN, version: "0.0.0", clock: systemClock, live, registry: metrics.registry, ...rest },
    readiness: () => ({ ready: it().ready, reasons: it().ready ? [] : ["The PBX is away."] }),
  });
  const path = join(folder, "worker-2.sock");
  others = await startServer({ ...optionsOf(other, () => other), at: { path } });
  server = await startServer({
    ...optionsOf(own, () => own),
    at: { host: "127.0.0.1", port: 0 },
    // One of them has died in this moment.
    peers: () => [{ socketPath: path }, { socketPath: join(folder, "worker-3.sock") }],
  });
});
afterEach(async () => {
  await Promise.all([server.close(), others.close()]);
  rmSync(folder, { recursive: true, force: true });
});

const get = (path: string) => fetch(`${server.url}${path}`, { headers });

test("the figures of all workers come from one address, each with its worker", async () => {
  own.metrics.callsActive.set(3);
  other.metrics.callsActive.set(4);
  other.metrics.replyLatencySeconds.observe(0.3);
  const text = await (await get("/metrics")).text();
  expect(text).toContain('sidetone_calls_active{worker="1"} 3');
  expect(text).toContain('sidetone_calls_active{worker="2"} 4');
  expect(text).toMatch(/sidetone_reply_latency_seconds_bucket\{le="0.3",worker="2"\} 1/);
  expect(text.match(/# TYPE sidetone_calls_active gauge/g)).toHaveLength(1);
});

test("the list of calls and what happens in them are those of all workers", async () => {
  const response = await get("/api/events");
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let read = "";
  const until = async (text: string): Promise<void> => {
    while (!read.includes(text)) read += (await reader?.read())?.value ?? "";
  };
  await until(": sidetone");
  own.live.open(legOf({ id: "mine" }), "reception");
  await until('"call":"mine"');
  // The other worker is followed a moment after the reader has come.
  let times = 0;
  const again = systemClock.every(50, () => other.live.open(legOf({ id: `yours-${++times}` }), "reception"));
  await until('"call":"yours-');
  again.cancel();
  await reader?.cancel();
  const { calls } = (await (await get("/api/calls")).json()) as { calls: { id: string }[] };
  expect(calls.map(({ id }) => id)).toEqual(expect.arrayContaining(["mine", "yours-1"]));
});

test("the service is ready while one of its workers is", async () => {
  own.ready = false;
  expect((await get("/readyz")).status).toBe(200);
  other.ready = false;
  const response = await get("/readyz");
  expect(response.status).toBe(503);
  expect(await response.json()).toEqual({ ready: false, reasons: ["The PBX is away."] });
});
