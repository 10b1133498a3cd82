import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "../../src/audio/frame.ts";
import { Playout } from "../../src/audio/playout.ts";
import type { MediaStream } from "../../src/audio/stream.ts";
import type { Clock, Timer } from "../../src/base/clock.ts";

const SPEECH_FLOOR = 900;
const MUSIC_FLOOR = 200;

/** The media of a call whose PBX plays one frame every 20 ms of what it was handed, and forgets the rest when flushed. */
export class FakeMedia implements MediaStream {
  readonly rate: SampleRate;
  readonly #clock: Clock;
  readonly #playout: Playout;
  readonly #ticks: Timer;
  readonly #caller: Int16Array;
  readonly #queue: number[] = [];
  #listener: (frame: Frame) => void = () => {};
  #soundUntil = 0;
  #sound = 0;
  #seed = 1;
  /** What the caller heard of the agent: the first sample of each frame of speech, with its time. */
  readonly heard: { readonly atMs: number; readonly sample: number }[] = [];
  /** What the caller's phone sends in place of what it hears, frame by frame. */
  readonly #sending: Int16Array[] = [];
  /** How many frames of music the caller heard, but for those that begin with a quiet sample. */
  music = 0;
  closed = false;
  held = false;

  constructor(clock: Clock, { rate = 8000, leadMs = 100 }: { rate?: SampleRate; leadMs?: number } = {}) {
    this.rate = rate;
    this.#clock = clock;
    this.#caller = new Int16Array(samplesPerFrame(rate));
    const sink = {
      send: (pcm: Int16Array) => void this.#queue.push(pcm[0] ?? 0),
      flush: () => void this.#queue.splice(0),
    };
    this.#playout = new Playout({ clock, rate, leadMs, queueMs: 1_000, sink });
    this.#playout.start();
    this.#ticks = clock.every(FRAME_MS, () => this.#tick());
  }

  /** The caller makes a sound. */
  sound(ms: number, level = 6_000): void {
    this.#sound = level;
    this.#soundUntil = this.#clock.now() + ms;
  }

  /** The caller sends this sound: of a key, say. */
  send(pcm: Int16Array): void {
    const size = this.#caller.length;
    for (let at = 0; at < pcm.length; at += size) {
      const frame = new Int16Array(size);
      frame.set(pcm.subarray(at, at + size));
      this.#sending.push(frame);
    }
  }

  get heardMs(): number {
    return this.#playout.heardMs;
  }
  onFrame(listener: (frame: Frame) => void): void {
    this.#listener = listener;
  }
  onSent(listener: (pcm: Int16Array, playsAtMs: number) => void): void {
    this.#playout.onSent(listener);
  }
  write(frame: Frame): boolean {
    return this.#playout.write(frame);
  }
  room(signal: AbortSignal): Promise<void> {
    return this.#playout.room(signal);
  }
  drained(signal: AbortSignal): Promise<void> {
    return this.#playout.drained(signal);
  }
  hold(): void {
    this.held = true;
    this.#playout.hold();
  }
  resume(): void {
    this.held = false;
    this.#playout.resume();
  }
  clear(): number {
    this.held = false;
    return this.#playout.clear();
  }
  close(): void {
    this.closed = true;
    this.#ticks.cancel();
    this.#playout.close();
  }

  #tick(): void {
    const sample = this.#queue.shift() ?? 0;
    if (Math.abs(sample) >= MUSIC_FLOOR && Math.abs(sample) < SPEECH_FLOOR) this.music += 1;
    if (sample >= SPEECH_FLOOR) this.heard.push({ atMs: this.#clock.now(), sample });
    const level = this.#clock.now() <= this.#soundUntil ? this.#sound : 0;
    // Noise, so that it is like nothing that the agent says.
    for (let at = 0; at < this.#caller.length; at += 1) {
      this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0;
      this.#caller[at] = this.#seed < 0 ? -level : level;
    }
    this.#listener({ pcm: this.#sending.shift() ?? this.#caller, rate: this.rate });
  }
}
