import { afterEach, beforeEach, expect, test } from "vitest";
import { createBackoff } from "../../../../src/base/backoff.ts";
import type { Clock } from "../../../../src/base/clock.ts";
import { EslClient } from "../../../../src/engines/freeswitch/esl/client.ts";
import type { EslConnection } from "../../../../src/engines/freeswitch/esl/connection.ts";
import { readableLog, until, watchedClock } from "../../asterisk/support.ts";
import { reply, Talker } from "./loopback.ts";

const PASSWORD = "a long password";

let talker: Talker;
let clock: Clock & { readonly slept: number[] };
let lines: string[];
let abort: AbortController;
let running: Promise<void>;
let connected: EslConnection[];

beforeEach(async () => {
  talker = new Talker();
  talker.greeting = "Content-Type: auth/request\n\n";
  talker.answer = (command, socket) => {
    const right = command === `auth ${PASSWORD}` || !command.startsWith("auth ");
    socket.write(reply(right ? "+OK accepted" : "-ERR invalid"));
  };
  await talker.listen();
  clock = watchedClock();
  abort = new AbortController();
  connected = [];
});
afterEach(async () => {
  abort.abort();
  await running;
  await talker.close();
});

function start({ password = PASSWORD, user = "" } = {}): EslClient {
  const { log, lines: written } = readableLog();
  lines = written;
  const client = new EslClient({
    access: { host: "127.0.0.1", port: talker.port, user, password },
    clock,
    log,
    onEvent: () => {},
    onConnected: async (connection) => void connected.push(connection),
    backoff: createBackoff({ minMs: 10, maxMs: 20 }),
    refusedBackoff: createBackoff({ minMs: 30_000, maxMs: 600_000 }),
  });
  running = client.run(abort.signal);
  return client;
}

test("a FreeSWITCH that comes back is found again, however often", async () => {
  const client = start();
  for (let round = 1; round <= 5; round++) {
    await until(() => client.health.state === "connected" && connected.length === round, `connection ${round}`);
    talker.sockets.at(-1)?.destroy();
    await until(() => client.connection === undefined, "the loss");
  }
});

test("a FreeSWITCH that is not there is looked for without end, and that is said once", async () => {
  const { port } = talker;
  await talker.close();
  const client = start();
  await until(() => clock.slept.length > 12, "many tries");
  expect(client.health).toMatchObject({ state: "connecting", detail: expect.stringMatching(/Nothing listens at 127/) });
  expect(lines.filter((line) => line.includes("no connection"))).toHaveLength(1);
  talker = new Talker();
  talker.greeting = "Content-Type: auth/request\n\n";
  talker.answer = (_, socket) => void socket.write(reply("+OK"));
  await talker.listen(port);
  await until(() => client.health.state === "connected", "the connection");
});

test("a wrong password is said once, with where to look, and not tried in a loop", async () => {
  const client = start({ password: "wrong" });
  await until(() => client.health.state === "refused", "the refusal");
  expect(client.health.detail).toMatch(/refuses the password: .*event_socket\.conf\.xml/);
  await until(() => clock.slept.some((ms) => ms >= 15_000), "the long wait");
  expect(talker.heard).toEqual(["auth wrong"]);
  expect(lines.filter((line) => line.includes("refuses the password"))).toHaveLength(1);
  expect(lines.join("")).not.toContain("auth wrong");
});

test("a user of the directory logs in by name", async () => {
  talker.answer = (_, socket) => void socket.write(reply("+OK accepted"));
  const client = start({ user: "sidetone@pbx" });
  await until(() => client.health.state === "connected", "the connection");
  expect(talker.heard[0]).toBe(`userauth sidetone@pbx:${PASSWORD}`);
});

test("a host that the access list keeps out is told so", async () => {
  const text = "Access Denied, go away.\n";
  talker.greeting = `Content-Type: text/rude-rejection\nContent-Length: ${text.length}\n\n${text}`;
  const client = start();
  await until(() => client.health.state === "refused", "the refusal");
  expect(client.health.detail).toMatch(/lets this host not in.*apply-inbound-acl/);
});

test("a FreeSWITCH that takes connections and says nothing is not waited for", async () => {
  talker.greeting = "";
  clock = { ...watchedClock(), after: (ms, run) => ({ cancel: clearTimeout.bind(null, setTimeout(run, ms / 50)) }) };
  const client = start();
  await until(() => client.health.detail.includes("did not greet"), "the deadline");
});

test("a FreeSWITCH that has stopped to answer is left, and looked for anew", async () => {
  clock = { ...watchedClock(), after: (ms, run) => ({ cancel: clearTimeout.bind(null, setTimeout(run, ms / 50)) }) };
  const sleep = clock.sleep.bind(clock);
  clock = { ...clock, sleep: (ms, signal) => sleep(ms / 100, signal) };
  let silent = false;
  const answer = talker.answer;
  talker.answer = (command, socket) => {
    if (!silent) answer(command, socket);
  };
  const client = start();
  await until(() => client.health.state === "connected", "the connection");
  silent = true;
  await until(() => client.health.detail.includes("did not answer nolog"), "the loss");
  silent = false;
  await until(() => client.health.state === "connected", "the connection");
});

test("whoever waits for the connection has it when it is there", async () => {
  const client = start();
  expect(await client.connected(AbortSignal.timeout(2000))).toBe(connected[0]);
  talker.sockets.at(-1)?.destroy();
  await until(() => client.connection === undefined, "the loss");
  expect(await client.connected(AbortSignal.timeout(2000))).toBe(connected[1]);
  await expect(client.connected(AbortSignal.abort(new Error("late")))).rejects.toThrow("late");
});
