import { once } from "node:events";
import { type AddressInfo, createConnection, createServer, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Relay } from "../../../src/cli/chaos/relay.ts";

/** A server that says back what it is told, behind a cable. */
async function echo() {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const relay = await Relay.to((server.address() as AddressInfo).port);
  onTestFinished(async () => {
    await relay[Symbol.asyncDispose]();
    server.close();
  });
  return relay;
}

function connected(relay: Relay): { socket: Socket; heard: () => string; gone: () => boolean } {
  const socket = createConnection({ host: "127.0.0.1", port: relay.port });
  onTestFinished(() => void socket.destroy());
  let [heard, gone] = ["", false];
  socket.on("error", () => {});
  socket.on("data", (data) => {
    heard += data;
  });
  socket.on("close", () => {
    gone = true;
  });
  return { socket, heard: () => heard, gone: () => gone };
}

test("a cable that is cut passes nothing on and closes nothing, and is gone when it is whole again", async () => {
  const relay = await echo();
  const before = connected(relay);
  before.socket.write("one");
  await expect.poll(before.heard).toBe("one");
  relay.cut();
  before.socket.write("two");
  const during = connected(relay);
  during.socket.write("three");
  await once(during.socket, "connect");
  // Whatever is to come back would be there before what a whole cable says.
  expect([before.gone(), during.gone()]).toEqual([false, false]);
  relay.heal();
  await expect.poll(() => [before.gone(), during.gone()]).toEqual([true, true]);
  expect([before.heard(), during.heard()]).toEqual(["one", ""]);
  const after = connected(relay);
  after.socket.write("four");
  await expect.poll(after.heard).toBe("four");
});
