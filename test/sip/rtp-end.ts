import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { ulaw } from "../../src/audio/g711.ts";
import { systemClock } from "../../src/base/clock.ts";
import { CODECS, type Codec } from "../../src/caller/codec.ts";
import { Heard } from "../../src/caller/heard.ts";
import { PacketLog } from "../../src/caller/packet-log.ts";
import { Receiver } from "../../src/caller/receiver.ts";
import { Recording } from "../../src/caller/recording.ts";
import { readRtp, writeRtp } from "../../src/caller/rtp-packet.ts";

export interface Stream {
  /** 20 unless told. */
  readonly ptimeMs?: number;
  readonly ssrc?: number;
  readonly signal?: AbortSignal;
}

const SAMPLES_A_MS = 8;
const COMFORT_NOISE = 13;

/** The sound's end of a call whose signalling somebody else does: it answers to wherever sound comes from. */
export class RtpEnd {
  readonly heard = new Heard();
  readonly log = new PacketLog();
  readonly recording = new Recording({ rate: 8000, startMs: systemClock.now() });
  readonly #receiver: Receiver;
  readonly #tick: { cancel(): void };
  #socket: Socket;
  #remote: RemoteInfo | undefined;
  #sequence = 1;
  #timestamp = 1_000;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#receiver = new Receiver({ log: this.log, recording: this.recording, heard: this.heard });
    this.#listen(socket);
    this.#tick = systemClock.every(20, () => this.#receiver.tick(systemClock.now()));
  }

  static async open(): Promise<RtpEnd> {
    return new RtpEnd(await bound());
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** From here on at another port; whoever sends to the old one is not heard. */
  async move(): Promise<number> {
    const old = this.#socket;
    this.#socket = await bound();
    this.#listen(this.#socket);
    old.close();
    return this.port;
  }

  /** Payload types of what came since `ms`. */
  typesSince(sinceMs: number): Set<number> {
    const packets = this.log.packets({ direction: "received", fromMs: sinceMs });
    return new Set([...packets].map(({ payloadType }) => payloadType));
  }

  /** Sends 8,000 samples a second as µ-law, or in the codec given, packet by packet, on time. */
  async say(pcm: Int16Array, { ptimeMs = 20, ssrc = 7, signal }: Stream = {}, codec: Codec = ULAW): Promise<void> {
    const samples = ptimeMs * SAMPLES_A_MS;
    const startMs = systemClock.now();
    for (let at = 0; at < pcm.length; at += samples) {
      await systemClock.sleep(Math.max(0, startMs + at / SAMPLES_A_MS - systemClock.now()), signal);
      const packet = new Int16Array(samples);
      packet.set(pcm.subarray(at, at + samples));
      const payload = new Uint8Array(samples);
      codec.law.encode(packet, payload);
      this.#send(codec.payloadType, payload, ssrc);
      this.#timestamp += samples;
    }
  }

  /** One packet of comfort noise (RFC 3389), as a phone sends it at the beginning of silence. */
  comfortNoise(ssrc = 7): void {
    this.#send(COMFORT_NOISE, Uint8Array.of(60), ssrc);
  }

  raw(bytes: Uint8Array): void {
    if (this.#remote) this.#socket.send(bytes, this.#remote.port, this.#remote.address);
  }

  /** Resolves when sound was heard for `ms` since `sinceMs`. */
  async hears({ sinceMs = 0, ms = 300, withinMs = 6_000 } = {}): Promise<number> {
    return await this.heard.soundFor({ ms, sinceMs, signal: AbortSignal.timeout(withinMs) });
  }

  async silent({ forMs = 700, withinMs = 15_000 } = {}): Promise<void> {
    await this.heard.silence({ ms: forMs, signal: AbortSignal.timeout(withinMs) });
  }

  close(): void {
    this.#tick.cancel();
    this.#socket.close();
  }

  #listen(socket: Socket): void {
    socket.on("message", (datagram, from) => {
      if (readRtp(datagram)) this.#remote = from;
      this.#receiver.datagram(datagram, systemClock.now());
    });
  }

  #send(payloadType: number, payload: Uint8Array, ssrc: number): void {
    const header = { payloadType, marker: false, sequence: this.#sequence, timestamp: this.#timestamp, ssrc };
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.raw(writeRtp({ ...header, payload }));
  }
}

async function bound(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

const ULAW: Codec = CODECS.find(({ law }) => law === ulaw) ?? (CODECS[0] as Codec);
