import { randomInt } from "node:crypto";
import { levelDbov } from "../audio/level.ts";
import type { Clock, Timer } from "../base/clock.ts";
import { CODECS, type Codec, PACKET_MS, PACKET_SAMPLES } from "./codec.ts";
import type { Noise } from "./noise.ts";
import type { PacketLog } from "./packet-log.ts";
import type { Recording } from "./recording.ts";
import { writeRtp, writeTelephoneEvent } from "./rtp-packet.ts";
import { type Said, type Sound, Speech } from "./speech.ts";

/** When a key was down, by its packets on the wire. */
export interface Pressed {
  readonly digit: string;
  readonly startMs: number;
  readonly endMs: number;
}

export interface SenderOptions {
  readonly clock: Clock;
  readonly log: PacketLog;
  readonly recording: Recording;
  readonly send: (datagram: Uint8Array) => void;
  /** Called with every tick, after its packet. */
  readonly onTick: (nowMs: number) => void;
  /** Sends nothing at all while there is nothing to say, as telephones with voice activity detection do. */
  readonly silenceSuppression: boolean;
}

/** A process that stood still for longer than this skips the time instead of sending a burst. */
const MAX_LATE_MS = 100;
const MAX_WAITING = 100;

interface Key {
  readonly digit: string;
  readonly toneSlots: number;
  readonly gapSlots: number;
  readonly done: (pressed: Pressed | undefined) => void;
  slot: number;
  startMs: number;
  timestamp: number;
}

/** The caller's mouth: one packet every 20 ms, on a grid that starts with the media and does not drift from the monotonic clock. */
export class Sender {
  readonly #options: SenderOptions;
  readonly #packet = new Int16Array(PACKET_SAMPLES);
  readonly #speeches: Speech[] = [];
  readonly #keys: Key[] = [];
  readonly #ssrc = randomInt(1, 0xffff_ffff);
  readonly #timestampBase = randomInt(0, 0xffff_ffff);
  #sequence = randomInt(0, 0xffff);
  #codec: Codec = CODECS[0] as Codec;
  #eventType: number | undefined;
  #sending = false;
  #slot = 0;
  #firstSlotMs = 0;
  #marker = true;
  #noise: Noise | undefined;
  #timer: Timer | undefined;
  #closed = false;

  constructor(options: SenderOptions) {
    this.#options = options;
  }

  /** Begins, or goes on differently after a re-INVITE. `sending` false: the line is on hold, time passes but nothing leaves. */
  configure({ codec, eventType, sending }: { codec: Codec; eventType: number | undefined; sending: boolean }): void {
    if (this.#closed) return;
    this.#codec = codec;
    this.#eventType = eventType;
    if (sending && !this.#sending) this.#marker = true;
    this.#sending = sending;
    if (this.#timer) return;
    this.#firstSlotMs = this.#options.clock.now();
    this.#tick();
  }

  /** Queues a sound behind what is being said; the signal takes it back, or cuts it short. */
  async say(sound: Sound, signal?: AbortSignal): Promise<Said> {
    const speech = new Speech(sound);
    if (this.#closed || signal?.aborted || this.#speeches.length >= MAX_WAITING) speech.stop();
    else this.#speeches.push(speech);
    const stop = (): void => speech.stop();
    signal?.addEventListener("abort", stop, { once: true });
    try {
      return await speech.done;
    } finally {
      signal?.removeEventListener("abort", stop);
    }
  }

  /** Silence from the next packet on; everything queued is forgotten. */
  stopSaying(): void {
    for (const speech of this.#speeches.splice(0)) speech.stop();
  }

  /** Undefined when the far end did not agree to RFC 4733. Resolves with the keys that were really sent. */
  press(digits: string, { toneMs, gapMs }: { toneMs: number; gapMs: number }): Promise<Pressed[]> | undefined {
    if (this.#eventType === undefined) return undefined;
    const slots = (ms: number): number => Math.max(1, Math.round(ms / PACKET_MS));
    const presses = [...digits].map(
      (digit) =>
        new Promise<Pressed | undefined>((done) => {
          const key: Key = {
            digit,
            toneSlots: slots(toneMs),
            gapSlots: slots(gapMs),
            done,
            slot: 0,
            startMs: 0,
            timestamp: 0,
          };
          if (this.#closed || this.#keys.length >= MAX_WAITING) done(undefined);
          else this.#keys.push(key);
        }),
    );
    return Promise.all(presses).then((all) => all.filter((pressed) => pressed !== undefined));
  }

  /** Lies under everything that is said, and under the silence, until it is replaced or taken away. */
  set noise(noise: Noise | undefined) {
    this.#noise = noise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#timer?.cancel();
    this.stopSaying();
    for (const key of this.#keys.splice(0)) key.done(undefined);
  }

  #tick(): void {
    const { clock, onTick } = this.#options;
    const lateMs = clock.now() - this.#dueMs();
    if (lateMs > MAX_LATE_MS) this.#slot += Math.floor(lateMs / PACKET_MS);
    while (!this.#closed && this.#dueMs() <= clock.now()) {
      if (this.#sending) this.#sendSlot(clock.now());
      this.#slot += 1;
      onTick(clock.now());
    }
    if (!this.#closed) this.#timer = clock.after(Math.max(0, this.#dueMs() - clock.now()), () => this.#tick());
  }

  #dueMs(): number {
    return this.#firstSlotMs + this.#slot * PACKET_MS;
  }

  #sendSlot(atMs: number): void {
    const key = this.#keys[0];
    if (key && this.#sendKey(key, atMs)) return;
    const speech = this.#speaking();
    const spoken = speech?.take(this.#packet) ?? false;
    if (!spoken) this.#packet.fill(0);
    this.#noise?.addTo(this.#packet);
    if (!spoken && !this.#noise && this.#options.silenceSuppression) {
      this.#marker = true;
      return;
    }
    const level = levelDbov(this.#packet);
    const payload = new Uint8Array(PACKET_SAMPLES);
    this.#codec.law.encode(this.#packet, payload);
    this.#emit(atMs, { payloadType: this.#codec.payloadType, payload, timestamp: this.#timestamp(), level });
    this.#options.recording.write(this.#position(), this.#packet);
    if (spoken) speech?.sent(atMs, PACKET_MS, level);
  }

  #speaking(): Speech | undefined {
    while (this.#speeches[0]?.finished) this.#speeches.shift();
    return this.#speeches[0];
  }

  /** One 20 ms step of a key press (RFC 4733, section 2.5). False in the gap behind it: then sound or silence flows. */
  #sendKey(key: Key, atMs: number): boolean {
    if (key.slot >= key.toneSlots) {
      key.slot += 1;
      if (key.slot >= key.toneSlots + key.gapSlots) this.#keys.shift();
      return false;
    }
    if (key.slot === 0) {
      key.startMs = atMs;
      key.timestamp = this.#timestamp();
      this.#marker = true;
    }
    key.slot += 1;
    const end = key.slot === key.toneSlots;
    const payload = writeTelephoneEvent({
      digit: key.digit,
      end,
      duration: Math.min(0xffff, key.slot * PACKET_SAMPLES),
    });
    // The end is sent three times, because its loss would leave the key down.
    for (let copy = 0; copy < (end ? 3 : 1); copy++) {
      this.#emit(atMs, { payloadType: this.#eventType ?? 101, payload, timestamp: key.timestamp, level: Number.NaN });
    }
    if (end) key.done({ digit: key.digit, startMs: key.startMs, endMs: atMs + PACKET_MS });
    return true;
  }

  #timestamp(): number {
    return (this.#timestampBase + this.#slot * PACKET_SAMPLES) >>> 0;
  }

  /** Where this slot lies in the recording, which may have begun before the media did. */
  #position(): number {
    const { recording } = this.#options;
    const slotMs = this.#firstSlotMs - recording.startMs + this.#slot * PACKET_MS;
    return Math.round((slotMs * recording.rate) / 1000);
  }

  #emit(atMs: number, packet: { payloadType: number; payload: Uint8Array; timestamp: number; level: number }): void {
    const { payloadType, payload, timestamp, level } = packet;
    const header = { payloadType, timestamp, marker: this.#marker, sequence: this.#sequence, ssrc: this.#ssrc };
    this.#options.send(writeRtp({ ...header, payload }));
    this.#options.log.add({ ...header, direction: "sent", atMs, payloadBytes: payload.length, levelDbov: level });
    this.#sequence = (this.#sequence + 1) & 0xffff;
    this.#marker = false;
  }
}
