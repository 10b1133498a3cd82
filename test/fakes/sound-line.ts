import { FRAME_MS, type Frame, type SampleRate, samplesPerFrame } from "../../src/audio/frame.ts";
import { ulaw } from "../../src/audio/g711.ts";
import { levelDbov } from "../../src/audio/level.ts";
import { Playout } from "../../src/audio/playout.ts";
import type { MediaStream } from "../../src/audio/stream.ts";
import type { Clock, Timer } from "../../src/base/clock.ts";

const AUDIBLE_DBOV = -50;
const NOISE_LEVEL = 8;

export interface HeardFrame {
  readonly atMs: number;
  readonly pcm: Int16Array;
  readonly audible: boolean;
}

/** A telephone line with real sound on it, through µ-law: the caller plays samples, a room adds noise, and the far end may send the agent back its own voice. */
export class SoundLine implements MediaStream {
  readonly rate: SampleRate = 8000;
  readonly #clock: Clock;
  readonly #playout: Playout;
  readonly #ticks: Timer;
  readonly #queue: Int16Array[] = [];
  readonly #samples = samplesPerFrame(8000);
  readonly #frame = new Int16Array(this.#samples);
  readonly #bytes = new Uint8Array(this.#samples);
  readonly #echoes: Int16Array[] = [];
  readonly #sounds: { pcm: Int16Array; at: number }[] = [];
  #listener: (frame: Frame) => void = () => {};
  #seed = 1;
  /** How loud the agent's voice comes back, and after how many frames. */
  echo: { readonly db: number; readonly frames: number } | undefined;
  /** The far end sends nothing between sounds, so that there is exact silence in its place. */
  suppresses = false;
  /** Every frame the caller heard, comfort noise included. */
  readonly heard: HeardFrame[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    const sink = {
      send: (pcm: Int16Array) => void this.#queue.push(pcm.slice()),
      flush: () => void this.#queue.splice(0),
    };
    this.#playout = new Playout({ clock, rate: 8000, leadMs: 100, queueMs: 1_000, sink });
    this.#playout.start();
    this.#ticks = clock.every(FRAME_MS, () => this.#tick());
  }

  /** Begins with the next frame. Sounds that overlap are added. */
  play(pcm: Int16Array): void {
    this.#sounds.push({ pcm, at: 0 });
  }

  get lastAudibleAt(): number {
    return this.heard.findLast(({ audible }) => audible)?.atMs ?? 0;
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
    this.#playout.hold();
  }
  resume(): void {
    this.#playout.resume();
  }
  clear(): number {
    return this.#playout.clear();
  }
  close(): void {
    this.#ticks.cancel();
    this.#playout.close();
  }

  #tick(): void {
    const played = this.#queue.shift() ?? new Int16Array(this.#samples);
    this.heard.push({ atMs: this.#clock.now(), pcm: played, audible: levelDbov(played) > AUDIBLE_DBOV });
    this.#echoes.push(played);
    const frame = this.#frame;
    for (let at = 0; at < frame.length; at += 1) {
      this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) | 0;
      frame[at] = (this.#seed / 2 ** 31) * (this.suppresses ? 0 : NOISE_LEVEL);
    }
    if (this.echo) {
      const back = this.#echoes.at(-1 - this.echo.frames);
      if (back) this.#add(back, 0, 10 ** (this.echo.db / 20));
    }
    if (this.#echoes.length > 50) this.#echoes.shift();
    for (const sound of this.#sounds) {
      this.#add(sound.pcm, sound.at, 1);
      sound.at += frame.length;
    }
    while (this.#sounds[0] && this.#sounds[0].at >= this.#sounds[0].pcm.length) this.#sounds.shift();
    ulaw.encode(frame, this.#bytes);
    ulaw.decode(this.#bytes, frame);
    this.#listener({ pcm: frame, rate: this.rate });
  }

  #add(pcm: Int16Array, from: number, gain: number): void {
    for (let at = 0; at < this.#frame.length; at += 1) {
      const sum = (this.#frame[at] ?? 0) + (pcm[from + at] ?? 0) * gain;
      this.#frame[at] = Math.max(-32_768, Math.min(32_767, Math.round(sum)));
    }
  }
}
