import { expect, test } from "vitest";
import { ulaw } from "../../src/audio/g711.ts";
import { CODECS, type Codec, PACKET_SAMPLES } from "../../src/caller/codec.ts";
import { Heard } from "../../src/caller/heard.ts";
import { PacketLog } from "../../src/caller/packet-log.ts";
import { Receiver } from "../../src/caller/receiver.ts";
import { Recording } from "../../src/caller/recording.ts";
import { type RtpPacket, readRtp, readTelephoneEvent, writeRtp } from "../../src/caller/rtp-packet.ts";
import { Sender } from "../../src/caller/sender.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { tone } from "./support.ts";

const codec = CODECS[0] as Codec;

function sender({ silenceSuppression = false } = {}) {
  const clock = new VirtualClock();
  const log = new PacketLog();
  const recording = new Recording({ rate: 8000, startMs: 0 });
  const sent: { atMs: number; packet: RtpPacket }[] = [];
  const send = (datagram: Uint8Array): void => {
    const packet = readRtp(datagram);
    if (packet) sent.push({ atMs: clock.now(), packet });
  };
  const mouth = new Sender({ clock, log, recording, send, silenceSuppression, onTick: () => {} });
  return { clock, log, recording, sent, mouth };
}

test("a caller who says nothing sends silence, one packet every 20 ms", async () => {
  const { clock, sent, mouth } = sender();
  mouth.configure({ codec, eventType: 101, sending: true });
  await clock.advance(990);
  expect(sent.map(({ atMs }) => atMs)).toEqual(Array.from({ length: 50 }, (_, index) => index * 20));
  const steps = sent.slice(1).map(({ packet }, index) => packet.timestamp - (sent[index]?.packet.timestamp ?? 0));
  expect(new Set(steps.map((step) => step >>> 0))).toEqual(new Set([160]));
  expect(sent.every(({ packet }) => packet.payload.every((byte) => byte === ulaw.silence))).toBe(true);
  mouth.close();
  expect(clock.pending).toBe(0);
});

test("what is said has the times of its packets, and stands in the recording there", async () => {
  const { clock, recording, mouth } = sender();
  mouth.configure({ codec, eventType: 101, sending: true });
  await clock.advance(95);
  const saying = mouth.say(framesOf(tone(210)));
  await clock.advance(400);
  expect(await saying).toMatchObject({
    startMs: 100,
    endMs: 320,
    firstSoundMs: 100,
    packets: 11,
    underruns: 0,
    stopped: false,
  });
  expect(recording.samples({ fromMs: 100, toMs: 310 })).toEqual(tone(210));
  mouth.close();
});

test("words are cut at once", async () => {
  const { clock, mouth } = sender();
  mouth.configure({ codec, eventType: 101, sending: true });
  const gone = new AbortController();
  const saying = mouth.say(framesOf(tone(1000)), gone.signal);
  await clock.advance(199);
  gone.abort();
  expect(await saying).toMatchObject({ stopped: true, endMs: 200 });
  mouth.close();
});

test("a telephone with silence suppression sends nothing between words, and marks where they begin", async () => {
  const { clock, sent, mouth } = sender({ silenceSuppression: true });
  mouth.configure({ codec, eventType: 101, sending: true });
  await clock.advance(200);
  expect(sent).toEqual([]);
  const saying = mouth.say(framesOf(tone(60)));
  await clock.advance(200);
  await saying;
  expect(sent.map(({ packet }) => packet.marker)).toEqual([true, false, false]);
  mouth.close();
});

test("a key is one event: one timestamp, growing, its end three times", async () => {
  const { clock, sent, mouth } = sender();
  mouth.configure({ codec, eventType: 101, sending: true });
  const pressing = mouth.press("7#", { toneMs: 100, gapMs: 60 });
  await clock.advance(500);
  expect((await pressing)?.map(({ digit, startMs, endMs }) => [digit, endMs - startMs])).toEqual([
    ["7", 100],
    ["#", 100],
  ]);
  const events = sent.filter(({ packet }) => packet.payloadType === 101);
  const first = events.slice(0, 7);
  expect(new Set(first.map(({ packet }) => packet.timestamp)).size).toBe(1);
  expect(first.map(({ packet }) => readTelephoneEvent(packet.payload))).toEqual([
    ...[160, 320, 480, 640].map((duration) => ({ digit: "7", end: false, duration })),
    ...Array.from({ length: 3 }, () => ({ digit: "7", end: true, duration: 800 })),
  ]);
  expect(first.map(({ packet }) => packet.marker)).toEqual([true, false, false, false, false, false, false]);
  mouth.close();
});

function receiver() {
  const log = new PacketLog();
  const recording = new Recording({ rate: 8000, startMs: 0 });
  const ear = new Receiver({ log, recording, heard: new Heard() });
  const heard: number[] = [];
  ear.onFrame(({ pcm }) => heard.push(pcm[0] ?? 0));
  const packet = (sequence: number, atMs: number, { ssrc = 7, timestamp = sequence * PACKET_SAMPLES } = {}): void => {
    const pcm = new Int16Array(PACKET_SAMPLES).fill(sequence * 100);
    const payload = new Uint8Array(PACKET_SAMPLES);
    ulaw.encode(pcm, payload);
    ear.datagram(
      writeRtp({ payloadType: 0, marker: false, sequence: sequence & 0xffff, timestamp, ssrc, payload }),
      atMs,
    );
  };
  const around = (): number[] => heard.map((sample) => Math.round(sample / 100));
  return { log, recording, ear, packet, around };
}

test("packets that overtook each other are heard in order, and a duplicate once", () => {
  const { ear, packet, around } = receiver();
  for (const [sequence, atMs] of [
    [1, 0],
    [3, 20],
    [2, 41],
    [2, 42],
    [4, 60],
  ] as const)
    packet(sequence, atMs);
  expect(around()).toEqual([1, 2, 3, 4]);
  expect(ear.late).toBe(1);
});

test("a lost packet does not stop what follows", () => {
  const { ear, packet, around } = receiver();
  for (const sequence of [1, 3, 4]) packet(sequence, sequence * 20);
  expect(around()).toEqual([1]);
  ear.tick(200);
  expect(around().slice(0, 3)).toEqual([1, 3, 4]);
});

test("a new source goes on at its own place on the time line", () => {
  const { recording, packet } = receiver();
  packet(1, 0);
  packet(50, 1000, { ssrc: 8, timestamp: 12_345 });
  const pcm = recording.samples();
  expect(pcm.length).toBe(8160);
  expect(pcm[8000]).toBeGreaterThan(4000);
  expect(pcm.subarray(160, 8000).every((sample) => sample === 0)).toBe(true);
});

test("when nothing comes, whoever listens hears silence", () => {
  const { ear, packet, around } = receiver();
  packet(5, 0);
  for (let nowMs = 20; nowMs <= 200; nowMs += 20) ear.tick(nowMs);
  expect(around()[0]).toBe(5);
  expect(around().length).toBeGreaterThanOrEqual(7);
  expect(new Set(around().slice(1))).toEqual(new Set([0]));
});

test("no datagram of a stranger's making breaks the ear", () => {
  const { ear, log } = receiver();
  for (const bytes of [
    [],
    [0x80],
    Array(12).fill(0xff),
    [0x90, 0, ...Array(10).fill(0), 0, 0, 255, 255],
    [0xa0, 0, ...Array(10).fill(0), 200],
  ]) {
    ear.datagram(Uint8Array.from(bytes), 0);
  }
  expect(ear.refused).toBe(5);
  expect(log.size).toBe(0);
});

test("a full log forgets the oldest and says so", () => {
  const log = new PacketLog(3);
  for (let sequence = 1; sequence <= 5; sequence++) {
    log.add({
      direction: "sent",
      atMs: sequence,
      sequence,
      timestamp: 0,
      ssrc: 1,
      payloadType: 0,
      marker: false,
      payloadBytes: 160,
      levelDbov: -20,
    });
  }
  expect([...log.packets()].map(({ sequence }) => sequence)).toEqual([3, 4, 5]);
  expect(log.forgotten).toBe(2);
});
