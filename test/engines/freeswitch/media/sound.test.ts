import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { FreeswitchMedia } from "../../../../src/engines/freeswitch/media/port.ts";
import { bothHear as bothHearOn, type Call, type CallWishes, frame, lentCall, speak, until } from "./support.ts";

let call: Call;
const lend = (wishes: CallWishes = {}): Call => {
  call = lentCall(wishes);
  return call;
};
afterEach(async () => {
  await call.close();
  expect(call.sound.stream.crashes).toEqual([]);
});

const VALUE = 4321;
const times = (value: number): number => call.sound.heard.filter((pcm) => pcm[0] === value).length;

const bothHear = (media: FreeswitchMedia, value = VALUE): Promise<void> => bothHearOn(call, media, value);

describe("a call's sound on this host", () => {
  test.each([8000, 16_000] as const)("by mod_audio_stream and unicast, at %i Hz", async (rate) => {
    const media = await lend({ rate }).open();
    expect(media.rate).toBe(rate);
    await until(() => call.sound.stream.connected, "the stream");
    await bothHear(media);
    await media.stop();
    expect([call.sound.stream.attached, call.counts.refusedPackets, call.counts.restarts]).toEqual([false, 0, 0]);
    expect(call.sound.heard.every((pcm) => pcm.length === rate / 50)).toBe(true);
  });

  test("by unicast both ways where mod_audio_stream is not loaded", async () => {
    const media = await lend({ loaded: false }).open();
    await bothHear(media);
    expect(call.commands).toEqual(["module_exists mod_audio_stream"]);
  });

  test("a caller hears the agent though FreeSWITCH sends silence of its own, and is not lent where that cannot be", async () => {
    const media = await lend({ sendsSilence: true }).open();
    await bothHear(media);
    expect(call.sound.unicast).toBe(false);
    await call.close();
    await expect(lend({ sendsSilence: true, loaded: false }).open()).rejects.toThrow(/send_silence_when_idle=0/);
  });

  test("a caller hears something, always, also while nothing is said", async () => {
    await lend().open();
    const before = call.sound.heard.length;
    await until(() => call.sound.heard.length >= before + 25, "packets of comfort noise");
  });

  test("what was heard is known, and a reply that was held goes on from there", async () => {
    const media = await lend({ loaded: false }).open();
    speak(media, 1, 10);
    speak(media, 2, 10);
    await until(() => times(1) >= 3, "the beginning");
    media.hold();
    const held = times(1);
    const packets = call.sound.heard.length;
    await until(() => call.sound.heard.length > packets + 10, "comfort noise");
    expect(times(1) - held).toBeLessThanOrEqual(1);
    media.resume();
    await media.drained(AbortSignal.timeout(3000));
    expect(media.heardMs).toBe(400);
    await until(() => times(2) === 10, "the end");
    expect(times(1)).toBe(10);
    speak(media, 3, 20);
    await until(() => times(3) >= 5, "the next reply");
    const heardMs = media.clear();
    expect(Math.abs(heardMs - 400 - times(3) * 20)).toBeLessThanOrEqual(420);
    await until(() => call.sound.heard.length > 0, "anything");
    const after = times(3);
    await until(() => call.sound.heard.at(-1)?.[0] !== 3, "silence");
    expect(times(3) - after).toBeLessThanOrEqual(1);
  });

  test("ports that others have are left to them", async () => {
    lend({ loaded: false }).sound.takenPorts = 2;
    await bothHear(await call.open());
  });

  test("without any port the call is for the menu, in less than a second", async () => {
    lend({ loaded: false }).sound.takenPorts = 99;
    await expect(call.open()).rejects.toMatchObject({ code: "timeout" });
  });

  test("without any port, but with the module, the agent's voice goes by files", async () => {
    lend().sound.takenPorts = 99;
    await bothHear(await call.open());
  });

  test("datagrams of a stranger and of a wrong size are dropped and counted, and the call goes on", async () => {
    const media = await lend({ loaded: false }).open();
    const stranger = createSocket("udp4");
    const frames = Array.from({ length: 5 }, () => Buffer.alloc(320, 77));
    for (const data of frames) stranger.send(data, call.sound.remotePort, "127.0.0.1");
    await until(() => call.counts.strangers === 5, "five strangers' datagrams");
    stranger.close();
    call.sound.say = () => new Int16Array(37);
    await until(() => call.counts.refusedPackets > 3, "refused packets");
    await bothHear(media);
  });

  test("connections that know no call's path are refused, and a path is good for once", async () => {
    const media = await lend().open();
    await until(() => call.sound.stream.connected, "the stream");
    const start = call.commands.find((command) => command.includes(" start ")) ?? "";
    const url = start.split(" ")[3] ?? "";
    expect(new URL(url).pathname).toMatch(/^\/[\w-]{22}$/);
    for (const path of [url, `${new URL(url).origin}/`, `${new URL(url).origin}/x`]) {
      const answer = await fetch(path.replace("ws:", "http:"), { headers: { connection: "close" } });
      expect(answer.status).toBe(404);
    }
    const second = new WebSocket(url);
    await new Promise((resolve) => second.addEventListener("error", resolve));
    await until(() => call.counts.strangers === 1, "a stranger");
    await bothHear(media);
  });

  test("a module that runs for somebody else is left alone, and the caller is heard all the same", async () => {
    lend().sound.stream.busy = true;
    const media = await call.open();
    await bothHear(media);
    await media.stop();
    expect(call.commands.filter((command) => command.endsWith(" stop"))).toEqual([]);
  });

  test("a stream that was left by whoever had the call before, on a host that is away, is stopped and not waited for", async () => {
    lend({ again: true }).sound.stream.occupy();
    const media = await call.open();
    await until(() => call.sound.stream.connected, "our own stream");
    await bothHear(media);
    const said = call.commands
      .filter((command) => / st(?:art|op)\b/.test(command))
      .map((command) => command.split(" ")[0]);
    expect(said.slice(0, 3)).toEqual(["uuid_audio_stream", "bgapi", "uuid_audio_stream"]);
    await media.stop();
  });

  test("the module's connection is refused: the caller is heard by unicast", async () => {
    const media = await lend({ options: { url: "ws://127.0.0.1:9" } }).open();
    await bothHear(media);
    expect(call.sound.stream.attached).toBe(false);
  });

  test("the module finds a server that says nothing: the caller is heard by unicast meanwhile and afterwards", async () => {
    const silent = createServer(() => {}).listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const media = await lend({ options: { url: `ws://127.0.0.1:${port}` } }).open();
    await bothHear(media);
    await until(() => call.commands.at(-1)?.endsWith(" stop") === true, "the module stopped");
    await bothHear(media, 1234);
    silent.close();
  });

  test.each([
    ["breaks", (): void => call.sound.stream.break()],
    ["sends what is no websocket message of ours", (): void => call.sound.stream.sendRaw(new Uint8Array(100_000))],
    ["is closed", (): void => void call.sound.stream.stop()],
  ])("the module's connection %s in mid-call: the caller is heard by unicast at once", async (_, fault) => {
    const media = await lend().open();
    await until(() => call.sound.stream.connected, "the stream");
    await bothHear(media);
    fault();
    await until(() => !call.sound.stream.connected, "the fault");
    await bothHear(media, 1234);
  });

  test("what waited while nobody read is too old to be heard, and counted", async () => {
    const media = await lend().open();
    await until(() => call.sound.stream.connected, "the stream");
    await bothHear(media);
    call.sound.stream.stall();
    for (let index = 0; index < 400; index += 1) call.sound.stream.frame(frame(7).pcm);
    let old = 0;
    media.onFrame(({ pcm }) => {
      if (pcm[0] === 7) old += 1;
    });
    call.sound.stream.flow();
    await bothHear(media, 1234);
    await media.stop();
    // Half a second until it shows as a backlog, and the newest half second.
    expect(old).toBeLessThanOrEqual(50);
    expect(call.counts.staleFrames).toBeGreaterThanOrEqual(345);
  });

  test("a caller who hangs up leaves nothing open", async () => {
    const media = await lend().open();
    call.hungUp.abort("normal");
    expect(media.write(frame(1))).toBe(false);
    await media.stop();
    await media.stop();
  });

  test("stopped before the module has connected, it is stopped in FreeSWITCH too", async () => {
    const media = await lend().open();
    await media.stop();
    await until(() => !call.sound.stream.attached, "a stopped module");
    call.sound.stream.hangUp();
  });
});

describe("a call's sound through mod_audio_stream alone", () => {
  const far = { local: false, options: { tunnelled: true } } as const;

  test("to another host the agent's voice goes by files of 100 ms, one after the other", async () => {
    const media = await lend(far).open();
    await bothHear(media);
    expect(call.commands.some((command) => command.includes("STREAM_PLAYBACK"))).toBe(false);
    expect(call.sound.unicast).toBe(false);
  });

  test("a build that plays what it is sent is recognised, and used", async () => {
    const media = await lend({ ...far, build: "duplex" }).open();
    expect(call.commands.some((command) => command.includes("STREAM_PLAYBACK=true;STREAM_SAMPLE_RATE=8000"))).toBe(
      true,
    );
    await bothHear(media);
    await media.stop();
    const again = await call.media.open(call.channel);
    expect(call.commands.filter((command) => command.includes(" start "))).toHaveLength(3);
    await bothHear(again, 1234);
  });

  test("silence on barge-in: files that wait are not played", async () => {
    const media = await lend(far).open();
    speak(media, VALUE, 40);
    await until(() => times(VALUE) >= 10, "the voice");
    media.clear();
    const before = times(VALUE);
    const packets = call.sound.heard.length;
    await until(() => call.sound.heard.length > packets + 5, "comfort noise");
    expect(times(VALUE) - before).toBeLessThanOrEqual(1);
  });

  test("a connection that breaks is made once more; the second time the loss is told", async () => {
    const media = await lend(far).open();
    await bothHear(media);
    call.sound.stream.break();
    await until(() => call.counts.restarts === 1 && call.sound.stream.connected, "a second start");
    await bothHear(media, 1234);
    call.sound.stream.break();
    expect(await media.lost).toContain("mod_audio_stream");
  });
});
