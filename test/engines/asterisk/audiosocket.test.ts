import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { AudioSocketServer } from "../../../src/engines/asterisk/audiosocket.ts";
import { AudioSocketReader, audioSocketMessage, KIND } from "../../../src/engines/asterisk/audiosocket-reader.ts";
import { noCounts } from "../../../src/engines/asterisk/line.ts";

let server: AudioSocketServer;
let sockets: Socket[];
const signal = AbortSignal.timeout(60_000);

beforeEach(async () => {
  sockets = [];
  server = new AudioSocketServer({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    log: silentLog,
    counts: noCounts(),
  });
  await server.listen();
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await server.close();
});

function asterisk(...messages: Uint8Array[]): Socket {
  const socket = connect(server.port, "127.0.0.1");
  socket.on("error", () => {});
  sockets.push(socket);
  for (const message of messages) socket.write(message);
  return socket;
}
const hello = (id: string): Buffer => audioSocketMessage(KIND.id, Buffer.from(id.replaceAll("-", ""), "hex"));

describe("a call over AudioSocket", () => {
  test.each(["before", "after"])("is taken when it connects %s its event", async (order) => {
    const id = randomUUID();
    const expected = order === "after" ? server.expect(id, signal) : undefined;
    const socket = asterisk(hello(id), audioSocketMessage(KIND.slin16, new Uint8Array(640)));
    if (order === "before") await once(socket, "connect");
    const line = await (expected ?? server.expect(id, signal));
    expect(line.media.rate).toBe(16_000);
    await line.hangUp();
  });

  test("gets a frame first, also one that says nothing", async () => {
    const id = randomUUID();
    const socket = asterisk(hello(id));
    const expected = server.expect(id, signal);
    const [data] = (await once(socket, "data")) as [Buffer];
    expect(data[0]).toBe(KIND.slin);
    expect((await expected).media.rate).toBe(8000);
  });

  test("that nobody announced is let go", async () => {
    const socket = asterisk(hello(randomUUID()));
    await once(socket, "close");
    expect(server.refused).toBe(1);
  });

  test("that is none is let go at once", async () => {
    const socket = asterisk(Buffer.from("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
    await once(socket, "close");
  });

  test("that was announced and does not come is not waited for", async () => {
    await expect(server.expect(randomUUID(), signal)).rejects.toMatchObject({ code: "timeout" });
  });

  test("whose caller hangs up is closed, and its keys were heard", async () => {
    const id = randomUUID();
    const socket = asterisk(hello(id), audioSocketMessage(KIND.slin, new Uint8Array(320)));
    const line = await server.expect(id, signal);
    let digits = "";
    line.onDigit((digit) => {
      digits += digit;
    });
    socket.write(audioSocketMessage(KIND.digit, Buffer.from("4")));
    socket.write(audioSocketMessage(KIND.hangup));
    await line.closed;
    expect(digits).toBe("4");
  });
});

test("messages come out whole, however they were cut, and none is too long", () => {
  const reader = new AudioSocketReader();
  const found: [number, number][] = [];
  const bytes = Buffer.concat([
    hello(randomUUID()),
    audioSocketMessage(KIND.slin, new Uint8Array(320)),
    audioSocketMessage(KIND.hangup),
  ]);
  for (const byte of bytes) reader.push(Buffer.from([byte]), (kind, { length }) => found.push([kind, length]));
  expect(found).toEqual([
    [KIND.id, 16],
    [KIND.slin, 320],
    [KIND.hangup, 0],
  ]);
  expect(reader.push(Buffer.from([KIND.slin, 0xff, 0xff]), () => {})).toContain("too long");
});
