import { decodeMulaw, encodeMulaw } from "./mulaw.ts";

const WATCHED_MS = 100;

/** What one caller says and hears: tones out, and a watch for tones coming in. 8 kHz µ-law, 160 bytes a packet, unless told. */
export class Line {
  packets = 0;
  digits = "";
  readonly #rate: number;
  readonly #window: number;
  readonly #recent: Float64Array;
  readonly #waiting = new Set<() => void>();
  #filled = 0;
  #position = 0;
  #hz = 0;
  #second = 0;
  #left = 0;
  #phase = 0;
  #lastEvent = -1;

  constructor(rate: 8000 | 16_000 = 8000) {
    this.#rate = rate;
    this.#window = (rate * WATCHED_MS) / 1000;
    this.#recent = new Float64Array(this.#window);
  }

  get talking(): boolean {
    return this.#left > 0;
  }

  /** Says a tone (or two at once, as a keypad does) for so long. */
  say(hz: number, ms: number, second = 0): void {
    this.#hz = hz;
    this.#second = second;
    this.#left = Math.round((ms * this.#rate) / 1000);
  }

  /** The next 20 ms to send. */
  next(): Buffer {
    const out = Buffer.alloc(160, 0xff);
    for (let index = 0; index < 160 && this.#left > 0; index++) out[index] = encodeMulaw(this.#sample());
    return out;
  }

  /** The same without a codec. */
  nextSamples(): Int16Array {
    const out = new Int16Array(this.#rate / 50);
    for (let index = 0; index < out.length && this.#left > 0; index++) out[index] = Math.round(this.#sample());
    return out;
  }

  #sample(): number {
    const first = Math.sin((2 * Math.PI * this.#hz * this.#phase) / this.#rate);
    const second = this.#second ? Math.sin((2 * Math.PI * this.#second * this.#phase) / this.#rate) : 0;
    this.#left--;
    this.#phase++;
    return (first + second) * (this.#second ? 5000 : 8000);
  }

  heard(payload: Uint8Array): void {
    this.packets++;
    for (const byte of payload) {
      this.#recent[this.#position] = decodeMulaw(byte);
      this.#position = (this.#position + 1) % this.#window;
      this.#filled++;
    }
    this.#tell();
  }

  heardSamples(pcm: Int16Array): void {
    this.packets++;
    for (const sample of pcm) {
      this.#recent[this.#position] = sample;
      this.#position = (this.#position + 1) % this.#window;
      this.#filled++;
    }
    this.#tell();
  }

  heardOther(): void {
    this.packets++;
    this.#tell();
  }

  heardEvent(payload: Uint8Array, timestamp: number): void {
    if (timestamp === this.#lastEvent) return;
    this.#lastEvent = timestamp;
    this.digits += "0123456789*#ABCD"[payload[0] ?? 0] ?? "?";
    this.#tell();
  }

  /** Share of the last 100 ms that is this tone, 0 to 1; 0 when it is quiet. */
  share(hz: number): number {
    if (this.#filled < this.#window) return 0;
    let [energy, real, imaginary] = [0, 0, 0];
    for (let index = 0; index < this.#window; index++) {
      const sample = this.#recent[(this.#position + index) % this.#window] ?? 0;
      energy += sample * sample;
      real += sample * Math.cos((2 * Math.PI * hz * index) / this.#rate);
      imaginary += sample * Math.sin((2 * Math.PI * hz * index) / this.#rate);
    }
    if (energy / this.#window < 10_000) return 0;
    return (2 * (real * real + imaginary * imaginary)) / (this.#window * energy);
  }

  /** True when the last 100 ms hold nothing above comfort noise. */
  get quiet(): boolean {
    let energy = 0;
    for (const sample of this.#recent) energy += sample * sample;
    return this.#filled >= this.#window && energy / this.#window < 10_000;
  }

  /** Resolves when `condition` holds, looked at with every packet. */
  until(condition: () => boolean, what: string, timeoutMs = 4000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const look = () => {
        if (condition()) done(resolve);
      };
      const timer = setTimeout(() => done(() => reject(new Error(`the caller waited in vain for ${what}`))), timeoutMs);
      const done = (then: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        then();
      };
      this.#waiting.add(look);
    });
  }

  #tell(): void {
    for (const look of this.#waiting) look();
  }
}
