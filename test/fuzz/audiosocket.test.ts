import { once } from "node:events";
import { connect } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { AmiReader } from "../../src/engines/asterisk/ami-reader.ts";
import { AudioSocketServer } from "../../src/engines/asterisk/audiosocket.ts";
import { AudioSocketReader, audioSocketMessage, KIND } from "../../src/engines/asterisk/audiosocket-reader.ts";
import { noCounts } from "../../src/engines/asterisk/line.ts";
import { until } from "../engines/asterisk/support.ts";
import { cuts, fuzz, inPieces } from "./fuzz.ts";

const ID = "11111111-2222-3333-4444-555555555555";
const idMessage = audioSocketMessage(KIND.id, Buffer.from(ID.replaceAll("-", ""), "hex"));

const message = fc
  .tuple(fc.oneof(fc.constantFrom(...Object.values(KIND)), fc.nat(255)), fc.uint8Array({ maxLength: 700 }))
  .map(([kind, payload]) => audioSocketMessage(kind, payload));
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));
const stream = fc
  .array(fc.oneof({ weight: 4, arbitrary: message }, { weight: 1, arbitrary: noise }), { maxLength: 15 })
  .map((parts) => Buffer.concat(parts));

function read(pieces: readonly Buffer[]) {
  const reader = new AudioSocketReader();
  const messages: string[] = [];
  let bytes = 0;
  const fault = pieces.some(
    (piece) =>
      reader.push(piece, (kind, payload) => {
        bytes += 3 + payload.length;
        messages.push(`${kind} ${payload.toString("hex")}`);
      }) !== undefined,
  );
  return { messages, bytes, fault };
}

test("frames come out the same however the network cuts them, and never more than came in", async () => {
  await fuzz(fc.tuple(stream, cuts), { name: "audiosocket-reader", runs: 600 }, ([bytes, sizes]) => {
    const [whole, cut] = [read([bytes]), read(inPieces(bytes, sizes))];
    expect(cut.messages).toEqual(whole.messages);
    expect(cut.fault).toBe(whole.fault);
    expect(whole.bytes).toBeLessThanOrEqual(bytes.length);
  });
});

test("the manager interface's lines come out the same however the network cuts them", async () => {
  const lines = fc
    .array(
      fc.oneof(
        fc.constantFrom("Response: Success", "ActionID: 1", "", "__proto__: x", ": ", "Message", "\0"),
        fc.string(),
      ),
      { maxLength: 30 },
    )
    .map((all) => Buffer.from(["Asterisk Call Manager/11", ...all, ""].join("\r\n")));
  const messagesOf = (pieces: readonly Buffer[]): unknown[] => {
    const reader = new AmiReader();
    const messages: unknown[] = [];
    for (const piece of pieces) reader.push(piece, (found) => void messages.push(found));
    return messages;
  };
  await fuzz(fc.tuple(lines, cuts), { name: "ami-reader", runs: 600 }, ([bytes, sizes]) => {
    expect(messagesOf(inPieces(bytes, sizes))).toEqual(messagesOf([bytes]));
  });
});

let server: AudioSocketServer;
beforeAll(async () => {
  server = new AudioSocketServer({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    log: silentLog,
    counts: noCounts(),
  });
  await server.listen();
});
afterAll(() => server.close());

test("a call whose PBX sends anything goes on, or is let go; the next one is taken", async () => {
  await fuzz(
    fc.tuple(stream, cuts, fc.boolean()),
    { name: "audiosocket-call", runs: 60 },
    async ([bytes, sizes, known]) => {
      const signal = AbortSignal.timeout(5000);
      const socket = connect(server.port, "127.0.0.1");
      socket.on("error", () => {});
      socket.resume();
      const expected = known ? server.expect(ID, signal).catch(() => undefined) : Promise.resolve(undefined);
      if (known) socket.write(idMessage);
      for (const piece of inPieces(bytes, sizes)) socket.write(piece);
      const frame = audioSocketMessage(KIND.slin, new Uint8Array(320));
      socket.write(frame);
      const line = await expected;
      if (line) {
        let frames = 0;
        line.media.onFrame(() => frames++);
        const closed = { yes: false };
        void line.closed.then(() => {
          closed.yes = true;
        });
        // Sound, or the silence that stands in for it: the agent hears something as long as the line is up.
        await until(() => frames > 0 || closed.yes, "a frame, or the end");
        await line.hangUp();
      }
      socket.destroy();
      if (!socket.closed) await once(socket, "close");
    },
  );
  const next = connect(server.port, "127.0.0.1");
  next.write(idMessage);
  next.write(audioSocketMessage(KIND.slin, new Uint8Array(320)));
  const line = await server.expect(ID, AbortSignal.timeout(5000));
  expect(line.media.rate).toBe(8000);
  next.destroy();
}, 120_000);
