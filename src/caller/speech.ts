import type { Frame } from "../audio/frame.ts";
import { OutsideError } from "../base/errors.ts";
import { CALL_RATE, PACKET_SAMPLES } from "./codec.ts";

/** What became of something that was said: the times of its packets on the wire, by the call's clock. */
export interface Said {
  /** When the first packet left, audible or not; undefined when it was stopped before that. */
  readonly startMs: number | undefined;
  /** When the last packet had been played: 20 ms after it left. */
  readonly endMs: number | undefined;
  /** The first packet above -45 dBov, and the end of the last one: where a listener hears a beginning and an end. */
  readonly firstSoundMs: number | undefined;
  readonly lastSoundMs: number | undefined;
  readonly packets: number;
  /** Packets of silence that had to be sent in the middle because the voice was slower than the call. */
  readonly underruns: number;
  /** It was cut short: by `stopSaying`, by the signal, or by the end of the call. */
  readonly stopped: boolean;
}

export type Sound = Iterable<Frame> | AsyncIterable<Frame>;

/** So much is asked of a voice ahead of time. */
const AHEAD_SAMPLES = 2 * CALL_RATE;
const AUDIBLE_DBOV = -45;

/** One utterance on its way to the wire: a voice fills it at its own pace, the sender empties it 20 ms at a time. */
export class Speech {
  readonly done: Promise<Said>;
  #buffer = new Int16Array(AHEAD_SAMPLES + CALL_RATE);
  #read = 0;
  #write = 0;
  #sourceEnded = false;
  #finished = false;
  #settle: { resolve(said: Said): void; reject(error: unknown): void };
  #roomFor: (() => void) | undefined;
  #said = { startMs: undefined, endMs: undefined, firstSoundMs: undefined, lastSoundMs: undefined } as {
    [K in "startMs" | "endMs" | "firstSoundMs" | "lastSoundMs"]: number | undefined;
  };
  #packets = 0;
  #underruns = 0;

  constructor(sound: Sound) {
    const { promise, resolve, reject } = Promise.withResolvers<Said>();
    this.done = promise;
    this.#settle = { resolve, reject };
    this.#pump(sound).then(
      () => {
        this.#sourceEnded = true;
      },
      (error: unknown) => this.#fail(error),
    );
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Fills `packet` with the next 20 ms. False when there is nothing to send: it has not begun yet, or it is over. */
  take(packet: Int16Array): boolean {
    const ready = this.#write - this.#read;
    if (this.#finished) return false;
    if (ready < packet.length && !this.#sourceEnded) {
      if (this.#packets > 0) this.#underruns += 1;
      return false;
    }
    if (ready === 0) {
      this.#finish(false);
      return false;
    }
    const samples = this.#buffer.subarray(this.#read, Math.min(this.#write, this.#read + packet.length));
    packet.fill(0);
    packet.set(samples);
    this.#read += samples.length;
    if (this.#write - this.#read < AHEAD_SAMPLES) this.#roomFor?.();
    return true;
  }

  /** The packet that `take` filled has left. Ends the utterance with its last one. */
  sent(atMs: number, packetMs: number, levelDbov: number): void {
    this.#packets += 1;
    this.#said.startMs ??= atMs;
    this.#said.endMs = atMs + packetMs;
    if (levelDbov > AUDIBLE_DBOV) {
      this.#said.firstSoundMs ??= atMs;
      this.#said.lastSoundMs = atMs + packetMs;
    }
    if (this.#sourceEnded && this.#read === this.#write) this.#finish(false);
  }

  /** Forgets what was not sent yet. */
  stop(): void {
    this.#finish(true);
  }

  async #pump(sound: Sound): Promise<void> {
    for await (const frame of sound) {
      if (this.#finished) return;
      if (frame.rate !== CALL_RATE) {
        throw new OutsideError("rate", `the call carries ${CALL_RATE} samples a second; the sound has ${frame.rate}`);
      }
      if (frame.pcm.length > CALL_RATE) {
        throw new OutsideError("frame", `a frame of ${frame.pcm.length} samples is longer than a second`);
      }
      this.#append(frame.pcm);
      if (this.#write - this.#read >= AHEAD_SAMPLES) await this.#room();
    }
  }

  #append(pcm: Int16Array): void {
    if (this.#write + pcm.length > this.#buffer.length) {
      this.#buffer.copyWithin(0, this.#read, this.#write);
      this.#write -= this.#read;
      this.#read = 0;
    }
    this.#buffer.set(pcm, this.#write);
    this.#write += pcm.length;
  }

  async #room(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#roomFor = resolve;
    });
    this.#roomFor = undefined;
  }

  #finish(stopped: boolean): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#settle.resolve({ ...this.#said, packets: this.#packets, underruns: this.#underruns, stopped });
    this.#roomFor?.();
  }

  #fail(error: unknown): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#settle.reject(error);
  }
}

/** Samples as 20 ms frames, for what is known whole: a tone, a file. */
export function* framesOf(pcm: Int16Array): Generator<Frame, void> {
  for (let at = 0; at < pcm.length; at += PACKET_SAMPLES) {
    yield { pcm: pcm.subarray(at, at + PACKET_SAMPLES), rate: CALL_RATE };
  }
}
