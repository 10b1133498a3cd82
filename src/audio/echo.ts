import { FRAME_MS, type SampleRate, samplesPerFrame } from "./frame.ts";
import { ProductMachine } from "./products.ts";

// The comparison is made at 4 kHz: a quarter of the work, and all that matters of a voice.
const RATE = 4000;
const FRAME = (RATE * FRAME_MS) / 1000;
// A call's way to the far end and back, its jitter buffers included.
const LONGEST_MS = 400;
const LAGS = (RATE * LONGEST_MS) / 1000;
const HISTORY = LAGS + FRAME * 3;
// A second: the longest way, and what is handed over ahead of its time.
const SENT = 4096;
// The weight of what was heard before a frame: a memory of 200 ms. Two voices that are no echo of each other stay below a third.
const FADE = 0.9;
const FOUND = 0.6;
// So long must there be something to compare, before a lag is believed.
const SURE_FRAMES = 8;
// At a lag that is known one frame is enough, give or take a millisecond; and it is not much louder than the echo has been.
const STILL = 0.35;
const NEAR_LAGS = RATE / 1000;
const LOUDER = 10 ** (9 / 10);
// Without its low tones one voice is not like another only because both are voices.
const EMPHASIS = 0.9;
// An echo below -52 dBov disturbs nobody, and most frames of a caller who listens are not worth the work.
const SILENT_POWER = (32_768 * 10 ** (-52 / 20)) ** 2;
// Where the two clocks are so far apart, frames were lost or came twice, and the lag is another one.
const SLIP_MS = 30;

/** A frame of the far end's, what was played, and how much they are alike at each lag: room to work, for all calls of a thread. */
interface Desk {
  readonly machine: ProductMachine;
  readonly incoming: Float32Array;
  readonly reference: Float32Array;
  readonly products: Float32Array;
  readonly places: { readonly weights: number; readonly input: number; readonly output: number };
}

let desk: Desk | undefined;

function deskOf(): Desk {
  if (desk) return desk;
  const machine = new ProductMachine(HISTORY + FRAME + LAGS);
  const places = { weights: machine.take(HISTORY), input: machine.take(FRAME), output: machine.take(LAGS) };
  const room = (at: number, length: number): Float32Array => machine.floats.subarray(at, at + length);
  desk = {
    machine,
    places,
    reference: room(places.weights, HISTORY),
    incoming: room(places.input, FRAME),
    products: room(places.output, LAGS),
  };
  return desk;
}

/**
 * Tells an echo of our own words from the caller's: the frames that come in are compared with those that were sent, at every lag
 * that a line can have; once the lag is known, an echo is noticed at its first frame. A caller who talks over it is no echo.
 */
export class EchoDetector {
  readonly #step: number;
  readonly #samples: number;
  /** What was played, as a ring over time: index = time in samples at 4 kHz. */
  readonly #sent = new Float32Array(SENT);
  #sentUntil = 0;
  #heardAt: number | undefined;
  readonly #desk = deskOf();
  /** By place in what was played: the longest lag comes first. */
  readonly #products = new Float32Array(LAGS);
  readonly #energies = new Float32Array(LAGS);
  #energy = 0;
  #frames = 0;
  #lag: number | undefined;
  /** How loud the echo is against what was played, as a ratio of powers. */
  #gain = 0;
  #lastSent = 0;
  #lastHeard = 0;

  constructor(rate: SampleRate) {
    this.#step = rate / RATE;
    this.#samples = samplesPerFrame(rate);
  }

  /** The lag of the line as far as it is known, in ms. */
  get lagMs(): number | undefined {
    return this.#lag === undefined ? undefined : (this.#lag * 1000) / RATE;
  }

  /** A frame of ours, and when it begins to be heard. */
  sent(pcm: Int16Array, playsAtMs: number): void {
    const from = Math.round((playsAtMs * RATE) / 1000);
    // Where nothing was sent, nothing can come back. A frame that a hold took back is written over.
    for (let at = Math.max(this.#sentUntil, from - this.#sent.length); at < from; at++) this.#sent[at & (SENT - 1)] = 0;
    for (let at = 0; at < FRAME; at++) {
      const sample = this.#average(pcm, at);
      this.#sent[(from + at) & (SENT - 1)] = sample - EMPHASIS * this.#lastSent;
      this.#lastSent = sample;
    }
    this.#sentUntil = from + FRAME;
  }

  /** A frame of the far end's, at the moment of its arrival. True: it is our own sound that comes back. */
  echo(pcm: Int16Array, nowMs: number): boolean {
    const atMs = this.#place(nowMs);
    const end = Math.round((atMs * RATE) / 1000);
    if (end - FRAME - this.#sentUntil > LAGS) {
      this.#forget();
      return false;
    }
    const { incoming } = this.#desk;
    let power = 0;
    let energy = 0;
    for (let at = 0; at < FRAME; at++) {
      const average = this.#average(pcm, at);
      const sample = average - EMPHASIS * this.#lastHeard;
      this.#lastHeard = average;
      incoming[at] = sample;
      energy += sample * sample;
      power += average * average;
    }
    if (power / FRAME < SILENT_POWER) return false;
    this.#compare(end, energy);
    if (++this.#frames >= SURE_FRAMES) this.#look();
    return this.#lag !== undefined && this.#comesBack(energy);
  }

  /** Packets come in bursts, the sound in them does not: a frame stands behind the one before, until the two clocks differ too much. */
  #place(nowMs: number): number {
    const expected = this.#heardAt === undefined ? nowMs : this.#heardAt + FRAME_MS;
    this.#heardAt = Math.abs(expected - nowMs) > SLIP_MS ? nowMs : expected + (nowMs - expected) * 0.005;
    return this.#heardAt;
  }

  #compare(end: number, energy: number): void {
    const { machine, reference, products, places } = this.#desk;
    const first = end - FRAME - LAGS;
    for (let at = 0; at < LAGS + FRAME; at++) {
      const place = first + at;
      reference[at] = place < 0 || place >= this.#sentUntil ? 0 : (this.#sent[place & (SENT - 1)] as number);
    }
    this.#energy = this.#energy * FADE + energy;
    const [before, energies] = [this.#products, this.#energies];
    let power = 0;
    for (let at = 0; at < FRAME; at++) power += (reference[at] as number) ** 2;
    for (let at = 0; at < LAGS; at++) {
      // Of the frame that begins at this place: not that of no lag at all, which no line has.
      products[at] = (before[at] as number) * FADE;
      energies[at] = (energies[at] as number) * FADE + power;
      power += (reference[at + FRAME] as number) ** 2 - (reference[at] as number) ** 2;
    }
    machine.add({ ...places, rows: LAGS, length: FRAME, stride: 1 });
    before.set(products);
  }

  #look(): void {
    let best = 0;
    let place = 0;
    for (let at = 0; at < LAGS; at++) {
      const score = this.#score(at);
      if (score < best) continue;
      best = score;
      place = at;
    }
    if (best < FOUND) return;
    this.#lag = LAGS - place;
    this.#gain = this.#energy / Math.max(1, this.#energies[place] as number);
  }

  #score(place: number): number {
    const energy = Math.max(0, this.#energies[place] as number);
    return Math.abs(this.#products[place] as number) / Math.sqrt(1 + this.#energy * energy);
  }

  /** This one frame against what was played at the known lag, or a little before and after it. */
  #comesBack(energy: number): boolean {
    const { incoming, reference } = this.#desk;
    const known = this.#lag ?? 0;
    for (let lag = Math.max(0, known - NEAR_LAGS); lag <= Math.min(LAGS, known + NEAR_LAGS); lag++) {
      const from = LAGS - lag;
      let product = 0;
      let power = 0;
      for (let at = 0; at < FRAME; at++) {
        const played = reference[from + at] as number;
        product += (incoming[at] as number) * played;
        power += played * played;
      }
      if (energy > power * this.#gain * LOUDER) continue;
      if (Math.abs(product) / Math.sqrt(1 + energy * power) >= STILL) return true;
    }
    return false;
  }

  #average(pcm: Int16Array, at: number): number {
    if (pcm.length < this.#samples) return 0;
    let sum = 0;
    for (let i = at * this.#step; i < (at + 1) * this.#step; i++) sum += pcm[i] as number;
    return sum / this.#step;
  }

  #forget(): void {
    if (this.#frames === 0 && this.#energy === 0) return;
    this.#products.fill(0);
    this.#energies.fill(0);
    this.#energy = 0;
    this.#frames = 0;
  }
}
