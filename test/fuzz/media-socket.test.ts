import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import { systemClock } from "../../src/base/clock.ts";
import { type LineCounts, noCounts } from "../../src/engines/asterisk/line.ts";
import { openWebsocketMedia } from "../../src/engines/asterisk/media.ts";
import { until } from "../engines/asterisk/support.ts";
import { fuzz, jsonWith } from "./fuzz.ts";

type Said = { readonly text: string } | { readonly sound: Uint8Array } | { readonly raw: Uint8Array };

const WORDS = [
  ...["event", "format", "digit", "queue_length", "queue_full", "MEDIA_START", "MEDIA_XOFF", "MEDIA_XON", "DTMF_END"],
  ...["STATUS", "QUEUE_DRAINED", "slin", "slin16", "opus", "ulaw", "1", "connection_id", "toString", "constructor"],
];
const START = { event: "MEDIA_START", format: "slin", optimal_frame_size: 320, ptime: 20 };
const FRAME = new Uint8Array(Int16Array.from({ length: 160 }, () => 4321).buffer);

const json = jsonWith(WORDS);
const nearly = fc
  .tuple(
    fc.constantFrom("event", "format", "digit", "queue_length", "queue_full"),
    json,
    fc.constantFrom("MEDIA_START", "STATUS", "DTMF_END", "MEDIA_XOFF"),
  )
  .map(([key, value, event]) =>
    JSON.stringify({ event, format: "slin", digit: "1", queue_length: 1, queue_full: false, [key]: value }),
  );
const text = fc
  .oneof(
    nearly,
    json.map((value) => JSON.stringify(value) ?? ""),
    fc.string({ unit: "binary", maxLength: 200 }),
  )
  .map((said): Said => ({ text: said }));
// Odd lengths, none, and those of other rates: 8 kHz wants 320 bytes.
const sound = fc
  .oneof(fc.constantFrom(0, 1, 319, 321, 640, 1280, 6400, 100_000), fc.nat(7000))
  .map((size): Said => ({ sound: new Uint8Array(size).fill(77) }));
/** What is no websocket frame at all: the connection cannot live on. */
const raw = fc.uint8Array({ minLength: 2, maxLength: 60 }).map((bytes): Said => ({ raw: bytes }));
const polite = fc.array(fc.oneof(text, sound), { maxLength: 12 });
const rude = fc.tuple(polite, raw).map(([all, last]) => [...all, last]);

const http = createServer();
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
let client: Promise<readonly [WebSocket, Socket]>;

beforeAll(async () => {
  http.listen(0, "127.0.0.1");
  await once(http, "listening");
});
afterAll(async () => {
  http.closeAllConnections();
  http.close();
  await once(http, "close");
});

/** A call whose PBX says all this, before and after the media has begun. */
async function call(before: readonly Said[], after: readonly Said[], counts: LineCounts) {
  client = new Promise((resolve) => {
    http.once("upgrade", (request, socket, head) =>
      sockets.handleUpgrade(request, socket as Socket, head, (found) => resolve([found, socket as Socket])),
    );
  });
  const { port } = http.address() as AddressInfo;
  const opening = openWebsocketMedia({
    url: `ws://127.0.0.1:${port}`,
    id: "m-1",
    clock: systemClock,
    counts,
    signal: AbortSignal.timeout(5000),
  }).catch(() => undefined);
  const [pbx, wire] = await client;
  pbx.on("error", () => {});
  const say = (all: readonly Said[]): void => {
    for (const one of all)
      if ("text" in one) pbx.send(one.text);
      else if ("sound" in one) pbx.send(one.sound);
      else wire.write(one.raw);
  };
  say(before);
  say([{ text: JSON.stringify(START) }]);
  const line = await opening;
  if (line) say(after);
  return { pbx, line };
}

test("a media socket on which anything comes goes on, and hears the caller", async () => {
  await fuzz(fc.tuple(polite, polite), { name: "media-polite", runs: 40 }, async ([before, after]) => {
    const counts = noCounts();
    const { pbx, line } = await call(before, after, counts);
    // A start with a format that is none of ours is a refusal, and the dialplan has the call.
    if (!line) {
      pbx.terminate();
      return;
    }
    expect([8000, 16_000]).toContain(line.media.rate);
    let heard = 0;
    line.media.onFrame(({ pcm }) => {
      if (pcm.includes(4321)) heard++;
    });
    for (let frames = 0; frames < 4; frames++) pbx.send(FRAME);
    await until(() => heard > 0, "the caller's sound");
    expect(line.media.write({ pcm: new Int16Array(160), rate: line.media.rate })).toBeTypeOf("boolean");
    pbx.close();
    await line.hangUp();
  });
}, 120_000);

test("a media socket that is no websocket any more is the end of the leg, at once", async () => {
  await fuzz(fc.tuple(polite, rude), { name: "media-rude", runs: 60 }, async ([before, after]) => {
    const { pbx, line } = await call(before, after, noCounts());
    if (line) {
      pbx.terminate();
      await line.closed;
    }
    pbx.terminate();
  });
}, 120_000);
