import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { connect, createServer, type Socket } from "node:net";
import { expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { EslConnection } from "../../../../src/engines/freeswitch/esl/connection.ts";
import { EslEvent } from "../../../../src/engines/freeswitch/esl/event.ts";
import { EslReader } from "../../../../src/engines/freeswitch/esl/reader.ts";
import { saidIn } from "./captures.ts";

const WANTED_PER_SECOND = 60_000;
const EVENTS = 60_000;
const CHUNK_BYTES = 64 * 1024;

/** A real call's plain events, of 4 KB each, over and over, as the network cuts them. */
function eventStream(): { bytes: Buffer; events: number } {
  const events: Buffer[] = [];
  new EslReader().push(saidIn("outbound_async_full_plain"), ({ type, head, body }) => {
    if (type !== "text/event-plain") return;
    const lines = [...head].map(([name, value]) => `${name}: ${value}\n`).join("");
    events.push(Buffer.from(`${lines}\n${body}`));
  });
  return { bytes: Buffer.concat(Array.from({ length: 20 }, () => events).flat()), events: events.length * 20 };
}

const best = async (runs: number, run: () => Promise<number>): Promise<number> => {
  let fastest = 0;
  for (let tried = 0; tried < runs; tried++) fastest = Math.max(fastest, await run());
  return fastest;
};

test("60,000 events a second are read, cut, and known by name and call", async () => {
  const { bytes, events } = eventStream();
  const perSecond = await best(3, async () => {
    const reader = new EslReader();
    let known = 0;
    // By the processor's time: other programs are no fault of the reader.
    const before = process.threadCpuUsage();
    for (let told = 0; told < EVENTS; told += events)
      for (let at = 0; at < bytes.length; at += CHUNK_BYTES)
        reader.push(bytes.subarray(at, at + CHUNK_BYTES), (message) => {
          const event = EslEvent.of(message);
          if (event?.name !== "" && event?.get("Unique-ID") !== "") known++;
        });
    const { user, system } = process.threadCpuUsage(before);
    return (known * 1_000_000) / (user + system);
  });
  process.stdout.write(`events read: ${Math.round(perSecond)} a second\n`);
  expect(perSecond).toBeGreaterThan(WANTED_PER_SECOND);
});

// The machine's own share is what a plain reader that only counts bytes needs for the same stream.
test("a connection handles them nearly as fast as loopback brings them", async () => {
  const { bytes, events } = eventStream();
  const rounds = Math.ceil(EVENTS / 3 / events);
  const timed = async (handle: (socket: Socket, done: () => void) => void): Promise<number> => {
    const server = createServer(async (socket) => {
      for (let round = 0; round < rounds; round++) if (!socket.write(bytes)) await once(socket, "drain");
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const started = performance.now();
    const socket = connect((server.address() as AddressInfo).port, "127.0.0.1");
    await new Promise<void>((resolve) => handle(socket, resolve));
    const tookMs = performance.now() - started;
    socket.destroy();
    server.close();
    await once(server, "close");
    return (rounds * events * 1000) / tookMs;
  };
  const plain = await best(2, () =>
    timed((socket, done) => {
      let left = bytes.length * rounds;
      socket.on("data", (data) => {
        left -= data.length;
        if (left <= 0) done();
      });
    }),
  );
  const ours = await best(2, () =>
    timed((socket, done) => {
      let left = rounds * events;
      const onEvent = (event: EslEvent): void => {
        if (event.name !== "" && event.get("Unique-ID") !== "" && --left === 0) done();
      };
      void new EslConnection({ socket, clock: systemClock, onEvent, onNotice: () => {} });
    }),
  );
  process.stdout.write(`events through loopback: ${Math.round(ours)} a second; bytes alone: ${Math.round(plain)}\n`);
  expect(ours / plain).toBeGreaterThan(0.25);
}, 120_000);
