import type { Frame } from "../audio/frame.ts";
import { levelDbov } from "../audio/level.ts";
import { CALL_RATE, CODECS, type Codec, PACKET_MS, PACKET_SAMPLES } from "./codec.ts";
import type { Heard } from "./heard.ts";
import type { PacketLog } from "./packet-log.ts";
import type { Recording } from "./recording.ts";
import { type RtpPacket, readRtp, readTelephoneEvent, sequenceDistance, timestampDistance } from "./rtp-packet.ts";

/** A key that the far end pressed. */
export interface ReceivedDigit {
  readonly digit: string;
  readonly atMs: number;
  durationMs: number;
}

export interface ReceiverOptions {
  readonly log: PacketLog;
  readonly recording: Recording;
  readonly heard: Heard;
}

/** So many packets may come before one that is missing is given up. */
const MAX_HELD = 4;
const MAX_HELD_MS = 80;
/** Further than this apart in sequence, it is another stream. */
const RESTART_DISTANCE = 500;
/** Later than this by its timestamp (or this much too early), a packet starts a new place on the time line. */
const MAX_LATE_MS = 1_000;
const MAX_EARLY_MS = 100;
/** The far end is silent by sending nothing: whoever listens hears silence from then on. */
const SILENCE_AFTER_MS = 40;
const MAX_DIGITS = 1_000;
const MAX_PAYLOAD_BYTES = 1_600;

/** The caller's ear on the wire: puts packets in order, on the time line, into the log, and to whoever listens. */
export class Receiver {
  readonly #options: ReceiverOptions;
  readonly #listeners = new Set<(frame: Frame) => void>();
  readonly #held = new Map<number, { pcm: Int16Array; atMs: number }>();
  readonly #silence: Frame = { pcm: new Int16Array(PACKET_SAMPLES), rate: CALL_RATE };
  readonly digits: ReceivedDigit[] = [];
  #stream: { ssrc: number; next: number; baseTimestamp: number; baseMs: number } | undefined;
  #eventType: number | undefined;
  #eventTimestamp: number | undefined;
  #lastFrameMs: number | undefined;
  /** Came after their turn, twice, or not as RTP of a kind that was agreed on. */
  late = 0;
  refused = 0;

  constructor(options: ReceiverOptions) {
    this.#options = options;
  }

  configure({ eventType }: { eventType: number | undefined }): void {
    this.#eventType = eventType;
  }

  /** What is heard, in order, 20 ms at a time, with silence where nothing came. The listener must copy what it keeps. Returns how to stop. */
  onFrame(listener: (frame: Frame) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  datagram(bytes: Uint8Array, atMs: number): void {
    const packet = readRtp(bytes);
    if (!packet || packet.payload.length > MAX_PAYLOAD_BYTES) {
      this.refused += 1;
      return;
    }
    const codec = CODECS.find(({ payloadType }) => payloadType === packet.payloadType);
    const pcm = codec ? decode(codec, packet.payload) : undefined;
    const level = pcm ? levelDbov(pcm) : Number.NaN;
    const { payloadType, marker, sequence, timestamp, ssrc } = packet;
    const payloadBytes = packet.payload.length;
    const direction = "received";
    this.#options.log.add({
      direction,
      atMs,
      sequence,
      timestamp,
      ssrc,
      payloadType,
      marker,
      payloadBytes,
      levelDbov: level,
    });
    if (pcm) this.#sound(packet, pcm, { atMs, level });
    else if (payloadType === this.#eventType) this.#key(packet, atMs);
    else this.refused += 1;
  }

  /** Every 20 ms: gives up what is missing for too long, and hears silence where nothing comes. */
  tick(nowMs: number): void {
    const [oldest] = this.#held.values();
    if (oldest && nowMs - oldest.atMs > MAX_HELD_MS) this.#skipGap();
    if (this.#lastFrameMs !== undefined && nowMs - this.#lastFrameMs > SILENCE_AFTER_MS) {
      this.#lastFrameMs += PACKET_MS;
      for (const listener of this.#listeners) listener(this.#silence);
    }
    this.#options.heard.tick(nowMs);
  }

  #sound(packet: RtpPacket, pcm: Int16Array, { atMs, level }: { atMs: number; level: number }): void {
    const { recording, heard } = this.#options;
    const stream = this.#streamOf(packet, atMs);
    const distance = sequenceDistance(stream.next, packet.sequence);
    if (distance < 0 || this.#held.has(packet.sequence)) this.late += 1;
    heard.packet({ atMs, levelDbov: level, durationMs: (pcm.length * 1000) / CALL_RATE });
    const fromBase = timestampDistance(stream.baseTimestamp, packet.timestamp);
    recording.write(Math.round(((stream.baseMs - recording.startMs) * CALL_RATE) / 1000) + fromBase, pcm);
    if (distance < 0) return;
    this.#held.set(packet.sequence, { pcm, atMs });
    this.#deliver(stream);
    if (this.#held.size > MAX_HELD) this.#skipGap();
  }

  /** A new source, a jump, or a timestamp that does not fit the wall begins a new stream at this packet. */
  #streamOf({ ssrc, sequence, timestamp }: RtpPacket, atMs: number) {
    const stream = this.#stream;
    if (stream && stream.ssrc === ssrc && Math.abs(sequenceDistance(stream.next, sequence)) < RESTART_DISTANCE) {
      const dueMs = stream.baseMs + timestampDistance(stream.baseTimestamp, timestamp) / (CALL_RATE / 1000);
      if (atMs - dueMs > MAX_LATE_MS || dueMs - atMs > MAX_EARLY_MS) {
        stream.baseTimestamp = timestamp;
        stream.baseMs = atMs;
      }
      return stream;
    }
    this.#held.clear();
    this.#stream = { ssrc, next: sequence, baseTimestamp: timestamp, baseMs: atMs };
    return this.#stream;
  }

  #deliver(stream: { next: number }): void {
    for (let entry = this.#held.get(stream.next); entry; entry = this.#held.get(stream.next)) {
      this.#held.delete(stream.next);
      stream.next = (stream.next + 1) & 0xffff;
      this.#lastFrameMs = entry.atMs;
      for (const listener of this.#listeners) listener({ pcm: entry.pcm, rate: CALL_RATE });
    }
  }

  #skipGap(): void {
    const stream = this.#stream;
    if (!stream || this.#held.size === 0) return;
    const nearest = [...this.#held.keys()].map((sequence) => sequenceDistance(stream.next, sequence));
    stream.next = (stream.next + Math.min(...nearest)) & 0xffff;
    this.#deliver(stream);
  }

  #key({ payload, timestamp, sequence, ssrc }: RtpPacket, atMs: number): void {
    const event = readTelephoneEvent(payload);
    // Key presses take the sequence numbers of the sound they interrupt.
    const stream = this.#stream;
    if (stream?.ssrc === ssrc && sequence === stream.next) {
      stream.next = (sequence + 1) & 0xffff;
      this.#deliver(stream);
    }
    if (!event) return;
    if (timestamp !== this.#eventTimestamp && this.digits.length < MAX_DIGITS) {
      this.digits.push({ digit: event.digit, atMs, durationMs: 0 });
    }
    this.#eventTimestamp = timestamp;
    const last = this.digits.at(-1);
    if (last) last.durationMs = event.duration / (CALL_RATE / 1000);
  }
}

function decode(codec: Codec, payload: Uint8Array): Int16Array {
  const pcm = new Int16Array(payload.length);
  codec.law.decode(payload, pcm);
  return pcm;
}
