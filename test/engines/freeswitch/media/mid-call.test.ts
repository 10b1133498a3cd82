import { afterEach, describe, expect, test } from "vitest";
import { bothHear, type Call, type CallWishes, lentCall, speak, until } from "./support.ts";

let call: Call;
const lend = (wishes: CallWishes = {}): Call => {
  call = lentCall(wishes);
  return call;
};
afterEach(async () => {
  await call.close();
  expect(call.sound.stream.crashes).toEqual([]);
});

const OTHERS = 99;
const times = (value: number): number => call.sound.heard.filter((pcm) => pcm[0] === value).length;
const far = { local: false, options: { tunnelled: true } } as const;
const openStreamed = async (wishes: CallWishes = {}) => {
  const media = await lend(wishes).open();
  await until(() => call.sound.stream.connected, "the stream");
  return media;
};

test("while the agent is silent, no short files cost the caller's words", async () => {
  const media = await lend(far).open();
  await bothHear(call, media);
  const files = (): number => call.sound.played.length;
  await until(() => call.sound.played.at(-1)?.startsWith("silence_stream:") === true, "silence");
  const before = files();
  const packets = call.sound.heard.length;
  await until(() => call.sound.heard.length >= packets + 60, "1.2 s of silence");
  expect(files() - before).toBeLessThanOrEqual(2);
  await bothHear(call, media, 1234);
});

test("while the agent speaks by files, the caller is heard, and FreeSWITCH looks for no file that is not there", async () => {
  const media = await lend(far).open();
  await bothHear(call, media);
  await until(() => call.sound.played.at(-1)?.startsWith("silence_stream:") === true, "silence");
  const {
    dropped,
    missing,
    played: { length: played },
  } = call.sound;
  for (let value = 2000; value < 2060; value++) speak(media, value, 1);
  await until(() => times(2059) === 1, "the end of 1.2 s");
  await until(() => call.sound.played.at(-1)?.startsWith("silence_stream:") === true, "silence");
  expect(Array.from({ length: 60 }, (_, index) => times(2000 + index))).toEqual(Array(60).fill(1));
  // One playback, and a silence before and after it.
  expect(call.sound.played.length - played).toBeLessThanOrEqual(3);
  expect(call.sound.dropped - dropped).toBeLessThanOrEqual(6);
  expect(call.sound.missing - missing).toBe(0);
});

test("a file that comes too late for its turn is played after all, and nothing twice", async () => {
  const media = await lend(far).open();
  await bothHear(call, media);
  for (let value = 2000; value < 2010; value++) speak(media, value, 1);
  await until(() => times(2003) === 1, "the beginning");
  // The network holds the rest back until the first files are through.
  call.sound.stream.lateMs = 250;
  for (let value = 2010; value < 2040; value++) speak(media, value, 1);
  await until(() => times(2039) === 1, "the end");
  expect(Array.from({ length: 40 }, (_, index) => times(2000 + index))).toEqual(Array(40).fill(1));
});

describe("when somebody else plays something on a lent call", () => {
  test("the agent's voice comes back by files where mod_audio_stream is loaded", async () => {
    const media = await openStreamed();
    await bothHear(call, media);
    call.sound.playback(new Int16Array(800).fill(OTHERS));
    await until(() => call.counts.restarts === 1, "the loss noticed");
    await bothHear(call, media, 1234);
    expect(call.sound.unicast).toBe(false);
  });

  test("it is broken off, and not heard in pieces between the agent's words", async () => {
    const media = await openStreamed();
    call.sound.playback(new Int16Array(40_000).fill(OTHERS));
    await until(() => call.counts.restarts === 1, "the loss noticed");
    await bothHear(call, media, 1234);
    // At most 200 ms until it was noticed.
    expect(times(OTHERS)).toBeLessThanOrEqual(10);
    call.sound.playback(new Int16Array(40_000).fill(OTHERS + 1));
    await bothHear(call, media, 2345);
    expect(times(OTHERS + 1)).toBeLessThanOrEqual(3);
  });

  test("what it kept from the caller's ear does not count as heard, and is said again", async () => {
    const media = await openStreamed();
    const values = Array.from({ length: 30 }, (_, index) => 1001 + index);
    for (const value of values) speak(media, value, 1);
    await until(() => times(1005) === 1, "the beginning");
    call.sound.playback(new Int16Array(800).fill(OTHERS));
    await media.drained(AbortSignal.timeout(5000));
    expect(media.heardMs).toBe(600);
    await until(() => times(1030) === 1, "the end");
    // One datagram may be on its way when the playback begins.
    expect(values.filter((value) => times(value) === 0).length).toBeLessThanOrEqual(1);
  });

  test("files that FreeSWITCH is sent and does not play end in the menu", async () => {
    const media = await openStreamed();
    call.sound.plays = false;
    call.sound.playback(new Int16Array(800).fill(OTHERS));
    expect(await media.lost).toContain("plays none of the files");
  });

  test("the loss is told where there is nothing else", async () => {
    const media = await lend({ loaded: false }).open();
    call.sound.playback(new Int16Array(8000).fill(OTHERS));
    expect(await media.lost).toContain("somebody else has played something");
  });

  test("a FreeSWITCH that only stands still for a moment is waited for", async () => {
    const media = await lend({ loaded: false }).open();
    call.paused = true;
    const before = call.sound.heard.length;
    await until(() => call.sound.heard.length > before + 10, "200 ms");
    call.paused = false;
    await bothHear(call, media);
  });
});

describe.each([
  ["by mod_audio_stream and unicast", {}],
  ["by unicast both ways", { loaded: false }],
  ["by mod_audio_stream and files", far],
  ["by the duplex build", { ...far, build: "duplex" }],
] as const)("a caller %s", (_, wishes) => {
  test("puts us on hold and comes back: both hear each other as before", async () => {
    const media = await lend(wishes).open();
    await bothHear(call, media);
    call.sound.held = true;
    let ticks = 0;
    call.sound.say = () => new Int16Array(160);
    media.onFrame(() => {
      ticks += 1;
    });
    await until(() => ticks >= 25, "half a second of silence from the caller");
    call.sound.held = false;
    await bothHear(call, media, 1234);
    expect(call.counts.restarts).toBe(0);
  });

  test("changes the codec, not its rate, by re-INVITE: the call goes on, or is for the menu", async () => {
    const media = await lend(wishes).open();
    if (call.sound.api("module_exists mod_audio_stream") === "true")
      await until(() => call.sound.stream.connected, "the stream");
    await bothHear(call, media);
    call.sound.changeCodec("PCMA", 8000);
    if ("loaded" in wishes) expect(await media.lost).toContain("its codec has changed");
    else await bothHear(call, media, 1234);
  });

  test("changes to a codec of another rate by re-INVITE: the agent hears it as before, or the call is for the menu", async () => {
    const media = await lend(wishes).open();
    if (call.sound.api("module_exists mod_audio_stream") === "true")
      await until(() => call.sound.stream.connected, "the stream");
    await bothHear(call, media);
    call.sound.changeCodec("G722", 16_000);
    if ("loaded" in wishes) {
      expect(await media.lost).toContain("its codec has changed");
      return;
    }
    await until(() => call.commands.filter((command) => command.includes(" start ")).length > 1, "a second start");
    await until(() => call.sound.stream.connected, "the stream");
    const refused = call.counts.refusedPackets;
    await bothHear(call, media, 1234);
    expect(call.counts.refusedPackets).toBe(refused);
  });
});
