import { once } from "node:events";
import { Duplex } from "node:stream";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { SoundFrames } from "../../../src/engines/asterisk/sound-frames.ts";

const frame = (mark: number): Int16Array => new Int16Array(160).fill(mark);

/** A connection that keeps what was written to it, and takes nothing more while it is `full`. */
function connection() {
  const state = { writes: [] as Buffer[], full: false, taken: [] as (() => void)[] };
  const duplex = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      state.writes.push(chunk);
      if (state.full) state.taken.push(done);
      else done();
    },
  });
  return { duplex, state };
}

test("what is played in one tick leaves in one write, and in messages of one frame each", async () => {
  const server = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(server, "listening");
  const address = server.address();
  const came: number[][] = [];
  const all = new Promise<void>((resolve) => {
    server.on("connection", (socket) => {
      socket.on("message", (data: Buffer, binary) => {
        expect(binary).toBe(true);
        const pcm = new Int16Array(new Uint8Array(data).buffer);
        expect(new Set(pcm).size).toBe(1);
        came.push([pcm.length, pcm[0] ?? 0]);
        if (came.length === 4) resolve();
      });
    });
  });
  const socket = new WebSocket(`ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`);
  // Both come in one tick.
  const opened = once(socket, "open");
  const [response] = await once(socket, "upgrade");
  await opened;
  const frames = new SoundFrames(response.socket, { frameBytes: 320, frames: 3 });
  for (const mark of [1, -2, 3, 4]) frames.add(frame(mark));
  await all;
  expect(came).toEqual([
    [160, 1],
    [160, -2],
    [160, 3],
    [160, 4],
  ]);
  socket.terminate();
  server.close();
});

test("a command is behind the sound that was before it", async () => {
  const { duplex, state } = connection();
  const frames = new SoundFrames(duplex, { frameBytes: 320, frames: 5 });
  frames.add(frame(1));
  frames.add(frame(2));
  frames.flush();
  duplex.write(Buffer.from("command"));
  frames.add(frame(3));
  await new Promise(process.nextTick);
  expect(state.writes.map((bytes) => bytes.length)).toEqual([2 * 328, 7, 328]);
});

test("sound that the kernel has not taken yet is not written over by what comes after it", async () => {
  const { duplex, state } = connection();
  const frames = new SoundFrames(duplex, { frameBytes: 320, frames: 5 });
  state.full = true;
  frames.add(frame(1));
  await new Promise(process.nextTick);
  frames.add(frame(2));
  await new Promise(process.nextTick);
  state.full = false;
  for (const taken of state.taken) taken();
  await new Promise(process.nextTick);
  expect(state.writes.map((bytes) => bytes.readInt16LE(8))).toEqual([1, 2]);
});
