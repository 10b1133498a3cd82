import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { EslServer, type OutboundCall } from "../../../../src/engines/freeswitch/esl/server.ts";
import { readableLog, until } from "../../asterisk/support.ts";
import { saidIn } from "./captures.ts";
import { plainEvent } from "./loopback.ts";

const session = saidIn("outbound_async_full_plain");
const connectReply = session.subarray(0, session.indexOf("\n\n") + 2);

let server: EslServer;
let calls: OutboundCall[];
let onCall: (call: OutboundCall) => Promise<void>;
let lines: string[];
/** Of a real second, a virtual one takes so much. */
let pace: number;

beforeEach(async () => {
  calls = [];
  onCall = async (call) => void calls.push(call);
  const { log, lines: written } = readableLog();
  lines = written;
  pace = 1;
  const clock = { ...systemClock, after: (ms: number, run: () => void) => systemClock.after(ms * pace, run) };
  server = new EslServer({ host: "127.0.0.1", port: 0, clock, log, onCall: (call) => onCall(call) });
  await server.listen();
});
afterEach(() => server.close());

async function dial(): Promise<Socket> {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}

test("a call that FreeSWITCH lends is known by its uuid and all its variables, and its events are heard", async () => {
  const socket = await dial();
  await once(socket, "data");
  socket.write(connectReply);
  await until(() => calls.length === 1, "the call");
  expect(calls[0]?.uuid).toBe("765c6c2b-4c42-4602-9618-ae5723fbae6e");
  expect(calls[0]?.data.get("variable_sip_full_to")).toBe("<sip:2001@127.0.0.1>");
  expect(calls[0]?.data.get("variable_socket_resume")).toBe("true");
  const events: string[] = [];
  calls[0]?.listen({ onEvent: ({ name }) => events.push(name), onNotice: () => {} });
  socket.write(plainEvent("Event-Name: DTMF\n\n"));
  await until(() => events.includes("DTMF"), "the key");
  socket.destroy();
});

test("who connects and says nothing, or something else, is not kept", async () => {
  pace = 1 / 20;
  const sockets = [await dial(), await dial(), await dial()];
  const closed = Promise.all(sockets.map((socket) => once(socket, "close")));
  sockets[1]?.write("GET / HTTP/1.1\r\nHost: x\n\n");
  sockets[2]?.write("Content-Type: command/reply\nUnique-ID: ../../x\n\n");
  for (const socket of sockets) socket.resume();
  await closed;
  expect([server.strangers, calls.length]).toEqual([3, 0]);
  expect(lines.filter((line) => line.includes("port for lent calls was closed"))).toHaveLength(3);
});

test("a call that cannot be taken is let go at once, for the dialplan to have it", async () => {
  onCall = () => Promise.reject(new Error("on purpose"));
  const socket = await dial();
  const closed = once(socket, "close");
  socket.write(connectReply);
  socket.resume();
  await closed;
});

test("a port that is shut lets nobody in, and keeps who is there", async () => {
  const socket = await dial();
  await once(socket, "data");
  server.shut();
  server.shut();
  const late = connect(server.port || 1, "127.0.0.1");
  const [error] = await once(late, "error");
  expect(error).toMatchObject({ code: "ECONNREFUSED" });
  expect(socket.destroyed).toBe(false);
});

test("a port that somebody else has is a fault that is thrown", async () => {
  const { log } = readableLog();
  const second = new EslServer({ host: "127.0.0.1", port: server.port, clock: systemClock, log, onCall });
  await expect(second.listen()).rejects.toMatchObject({ code: "EADDRINUSE" });
  await second.close();
});

test("several workers share one port: each call reaches one of those that are there, and nobody is there when all are gone", async () => {
  const { log } = readableLog();
  const worker = (port: number) => {
    const greeted = { calls: 0 };
    const onCall = async (): Promise<void> => void greeted.calls++;
    const server = new EslServer({ host: "127.0.0.1", port, shared: true, clock: systemClock, log, onCall });
    return { server, greeted };
  };
  const first = worker(0);
  await first.server.listen();
  const { port } = first.server;
  const second = worker(port);
  await second.server.listen();
  const call = async (): Promise<void> => {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "data");
    socket.end(connectReply);
    await once(socket.resume(), "close");
  };
  const CALLS = 40;
  await Promise.all(Array.from({ length: CALLS }, call));
  await until(() => first.greeted.calls + second.greeted.calls === CALLS, "all calls");
  expect(Math.min(first.greeted.calls, second.greeted.calls)).toBeGreaterThan(0);
  // One that dies, or drains, leaves all to the other.
  await first.server.close();
  const before = second.greeted.calls;
  await Promise.all(Array.from({ length: 10 }, call));
  await until(() => second.greeted.calls === before + 10, "the other's calls");
  await second.server.close();
  const refused = connect(port, "127.0.0.1");
  const [error] = (await once(refused, "error")) as [NodeJS.ErrnoException];
  expect(error.code).toBe("ECONNREFUSED");
});
