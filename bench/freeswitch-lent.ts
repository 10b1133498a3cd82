/**
 * Many calls that a real FreeSWITCH lends at the same time to a worker that is nothing but the engine: the gaps between the packets that
 * reach the callers, and the cores that worker and FreeSWITCH use. The callers are as plain as can be, and in this process.
 *
 *   SIDETONE_FREESWITCH=<prefix> bin/node bench/freeswitch-lent.ts [--calls 100] [--seconds 20]
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findFreeswitch, startFreeswitch } from "../deploy/engines/freeswitch.ts";
import { systemClock as clock } from "../src/base/clock.ts";
import { SipPeer } from "../test/asterisk/sip-peer.ts";
import { loadNow } from "./machine.ts";
import { percentile } from "./statistics.ts";
import { cpuSeconds } from "./worker/process-usage.ts";

const ARRIVALS_PER_S = 10;
const SETTLE_MS = 3000;
const TICK_MS = 20;

const { values } = parseArgs({
  options: { calls: { type: "string", default: "100" }, seconds: { type: "string", default: "20" } },
});
const [calls, holdMs] = [Number(values.calls), 1000 * Number(values.seconds)];

await using undo = new AsyncDisposableStack();
const sounds = await mkdtemp(join(tmpdir(), "sidetone-lent-"));
undo.defer(() => rm(sounds, { recursive: true, force: true }));
const before = loadNow();
const pbx = await startFreeswitch({ install: await findFreeswitch(process.env.SIDETONE_FREESWITCH), sounds });
undo.defer(() => pbx.stop());
const options = JSON.stringify({ esl: pbx.esl, lend: { port: pbx.ports.lend[0] } });
const worker = spawn(
  process.execPath,
  ["--disable-warning=ExperimentalWarning", join(import.meta.dirname, "freeswitch/lent-worker.ts"), options],
  { stdio: ["ignore", "ignore", "inherit"] },
);
undo.defer(async () => {
  const ended = once(worker, "exit");
  worker.kill("SIGTERM");
  const late = clock.after(3000, () => worker.kill("SIGKILL"));
  await ended;
  late.cancel();
});
// Its port opens when it can confirm calls.
await clock.sleep(SETTLE_MS);

const peers: SipPeer[] = [];
undo.defer(async () => void (await Promise.all(peers.map((peer) => peer.close()))));
for (let call = 0; call < calls; call++) {
  const peer = await SipPeer.open(pbx.ports.trunk);
  peers.push(peer);
  peer.invite({ to: "4100", from: `+49301${String(call).padStart(4, "0")}` });
  await clock.sleep(1000 / ARRIVALS_PER_S);
}
await Promise.all(peers.map((peer) => peer.answered()));
await clock.sleep(SETTLE_MS);

const own: number[] = [];
const fromMs = clock.now();
let tickMs = fromMs;
const timer = clock.every(TICK_MS, () => {
  own.push(Math.max(0, clock.now() - tickMs - TICK_MS));
  tickMs = clock.now();
});
const pids = [worker.pid ?? 0, pbx.pid, process.pid];
const used = pids.map(cpuSeconds);
await clock.sleep(holdMs);
const seconds = (clock.now() - fromMs) / 1000;
const cores = pids.map((pid, at) => (cpuSeconds(pid) - (used[at] ?? 0)) / seconds);
timer.cancel();

const speaking = peers.filter(({ heard }) =>
  heard.some(({ atMs, pcm }) => atMs >= fromMs && pcm.some((one) => one > 4000)),
);
const gaps = peers.flatMap(({ heard }) => {
  const times = heard.filter(({ atMs }) => atMs >= fromMs).map(({ atMs }) => atMs);
  return times.slice(1).map((atMs, at) => atMs - (times[at] ?? atMs));
});
const part = (list: readonly number[], share: number): string => percentile(list, share).toFixed(1);
process.stdout.write(
  [
    `${calls} calls for ${seconds.toFixed(1)} s: ${speaking.length} heard the agent`,
    `gap between a caller's packets: p50 ${part(gaps, 0.5)}, p95 ${part(gaps, 0.95)}, p99 ${part(gaps, 0.99)}, max ${part(gaps, 1)} ms (${gaps.length} gaps of ${Math.round((calls * seconds * 1000) / TICK_MS)})`,
    `cores: worker ${cores[0]?.toFixed(2)}, FreeSWITCH ${cores[1]?.toFixed(2)}, callers ${cores[2]?.toFixed(2)}`,
    `callers' own timer late: p50 ${part(own, 0.5)}, p99 ${part(own, 0.99)} ms; load ${before} before, ${loadNow()} after`,
    "",
  ].join("\n"),
);
