import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { MediaStream } from "../../../src/audio/stream.ts";
import type { Leg } from "../../../src/call/engine.ts";
import { FakeAsterisk } from "../../fakes/asterisk/fake-asterisk.ts";
import type { WebsocketMedia } from "../../fakes/asterisk/fake-media.ts";
import type { LentCall } from "../../fakes/asterisk/lent-call.ts";
import { connected, type Running, runEngine, until } from "./support.ts";

let pbx: FakeAsterisk;
let running: Running;
let call: LentCall;
let leg: Leg;
let media: MediaStream;
let wire: WebsocketMedia;

beforeEach(async () => {
  pbx = new FakeAsterisk();
  await pbx.start();
  running = runEngine(pbx);
  await connected(running);
  const coming = running.nextLeg();
  call = pbx.dial();
  leg = await coming;
  media = await leg.openMedia();
  wire = call.media as WebsocketMedia;
});
afterEach(async () => {
  await running.stop();
  await pbx.stop();
});

const frame = (value: number) => ({ pcm: new Int16Array(160).fill(value), rate: 8000 as const });

describe("a call's sound over chan_websocket", () => {
  test("odd, empty and oversized packets are no sound, and the call goes on", async () => {
    const lengths: number[] = [];
    let loud = 0;
    media.onFrame(({ pcm }) => {
      lengths.push(pcm.length);
      if (pcm.includes(4321)) loud++;
    });
    for (const size of [1, 321, 0, 100_000]) wire.sendRaw(new Uint8Array(size).fill(77));
    wire.sendRaw(new Uint8Array(Int16Array.from({ length: 240 }, () => 4321).buffer));
    await until(() => loud >= 2, "a packet of 30 ms, cut into frames");
    expect(new Set(lengths)).toEqual(new Set([160]));
    expect(call.place).toBe("lent");
  });

  test("a text of 10 MB, and others that are no control, are ignored", async () => {
    wire.tell("x".repeat(10_000_000));
    wire.tell("{");
    wire.tell("null");
    wire.tell({ event: "MEDIA_START", format: "opus" });
    let frames = 0;
    media.onFrame(() => frames++);
    await until(() => frames > 3, "frames");
    expect(call.place).toBe("lent");
  });

  test("old sound that waits in Asterisk is thrown away", async () => {
    wire.queue.push(...Array.from({ length: 50 }, () => new Int16Array(160)));
    await until(() => wire.commands.includes("FLUSH_MEDIA"), "a flush");
    await until(() => wire.queue.length < 8, "a short queue");
  });

  test("nothing is sent while Asterisk wants nothing, and all is well after", async () => {
    wire.tell({ event: "MEDIA_XOFF" });
    await until(() => wire.commands.includes("FLUSH_MEDIA"), "a flush");
    await until(() => wire.queue.length === 0, "an empty queue");
    wire.tell({ event: "MEDIA_XON" });
    await until(() => {
      media.write(frame(1234));
      return wire.queue.some((pcm) => pcm[0] === 1234);
    }, "sound");
  });

  test("no command is so long that it is ignored, and no frame is partial", async () => {
    for (let index = 0; index < 20; index++) media.write(frame(index));
    media.write({ pcm: new Int16Array(37).fill(9), rate: 8000 });
    media.clear();
    await until(() => wire.commands.includes("GET_STATUS"), "a status");
    await leg.giveBack({ next: "menu", reason: "test" });
    expect(wire.commands).toContain("HANGUP");
    expect([wire.ignoredTexts, wire.discarded]).toEqual([0, 0]);
  });

  test("at most 100 ms and a frame wait in Asterisk", async () => {
    let longest = 0;
    for (let index = 0; index < 50; index++) media.write(frame(index));
    const look = setInterval(() => {
      longest = Math.max(longest, wire.queue.length);
    }, 2);
    await media.drained(AbortSignal.timeout(3000));
    clearInterval(look);
    expect(longest).toBeLessThanOrEqual(7);
    expect(longest).toBeGreaterThanOrEqual(4);
  });

  test("the word about what comes next has arrived before the line is let go", async () => {
    const order: string[] = [];
    pbx.ami.onAction = ({ fields }) => order.push(`${fields.Variable}`);
    wire.onCommand = (command) => order.push(command);
    await leg.giveBack({ next: "transfer", target: "sales" });
    await until(() => call.place === "sales", "sales");
    expect(order.filter((step) => step !== "GET_STATUS")).toEqual(["SIDETONE_REASON", "SIDETONE_NEXT", "HANGUP"]);
  });
});
