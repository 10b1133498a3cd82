/**
 * What pacing costs: so many calls on loopback UDP, each with a reply of its own phase and the caller's sound coming in,
 * in one process. Prints how late frames leave, and the share of a core.
 *
 *   bin/node bench/pacer.ts [--calls 200] [--seconds 10]
 */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { LineMedia } from "../src/audio/line-media.ts";
import { systemClock } from "../src/base/clock.ts";

const { values } = parseArgs({
  options: { calls: { type: "string", default: "200" }, seconds: { type: "string", default: "10" } },
});
const clock = systemClock;
const [calls, seconds] = [Number(values.calls), Number(values.seconds)];
const sink = createSocket("udp4");
sink.bind(0, "127.0.0.1");
await once(sink, "listening");
sink.on("message", () => {});
const { port } = sink.address();
const socket = createSocket({ type: "udp4", lookup: (host, _options, done) => done(null, host, 4) });
await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", resolve));

const lateMs: number[] = [];
const frame = { pcm: new Int16Array(160).fill(1000), rate: 8000 as const };
const lines: LineMedia[] = [];
for (let call = 0; call < calls; call += 1) {
  let first = 0;
  let sent = 0;
  const send = (pcm: Int16Array, speaks: boolean): void => {
    socket.send(pcm, port, "127.0.0.1");
    if (!speaks) return;
    const nowMs = clock.now();
    if (sent === 0) first = nowMs;
    lateMs.push(nowMs - (first + 20 * sent++));
  };
  const line = new LineMedia({ clock, rate: 8000, leadMs: 0, sink: { send, flush: () => {} } });
  lines.push(line);
  // Each reply begins at its own moment, as callers do.
  await clock.sleep(calls > 50 ? 5 : 13);
  line.start();
  void fill(line);
}

async function fill(line: LineMedia): Promise<void> {
  const { signal } = new AbortController();
  for (;;) {
    while (line.write(frame));
    await line.room(signal);
  }
}

lateMs.length = 0;
const before = process.cpuUsage();
const startMs = clock.now();
await clock.sleep(seconds * 1000);
const used = process.cpuUsage(before);
const wallMs = clock.now() - startMs;
const sorted = [...lateMs].sort((a, b) => a - b);
const at = (part: number): string => (sorted[Math.floor((sorted.length - 1) * part)] ?? 0).toFixed(1);
process.stdout.write(
  `${calls} calls, ${lateMs.length} frames, ${(lateMs.length / (wallMs / 20) / calls).toFixed(4)} of what was due\n` +
    `late  p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, p99.9 ${at(0.999)}, max ${at(1)} ms; counted late ${lines.reduce((sum, line) => sum + line.lateFrames, 0)}\n` +
    `cpu   ${(((used.user + used.system) / 1000 / wallMs) * 100).toFixed(0)} % of a core\n`,
);
process.exit(0);
