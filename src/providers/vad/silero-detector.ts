import { FRAME_MS, type Frame } from "../../audio/frame.ts";
import type { VoiceDetector } from "../../conversation/providers.ts";
import { Edges } from "./edges.ts";
import { FVAD_TAIL_MS } from "./fvad.ts";
import type { FvadInstance } from "./fvad-library.ts";
import { Hunch } from "./hunch.ts";

export interface SileroDetectorOptions {
  readonly rate: 8000 | 16_000;
  readonly onsetMs: number;
  readonly hangMs: number;
  /** From this probability on an onset is believed. */
  readonly threshold: number;
  readonly fvad: FvadInstance;
  /**
   * Asks the network about one or more whole windows, which are given away; the verdict on the last of them comes later through
   * `verdict`, with the same serial. `restart`: they do not join the windows before. `canWait`: the answer need not be there before the next frame. False: nobody
   * is there to answer.
   */
  ask(windows: Int16Array<ArrayBuffer>, options: { serial: number; restart: boolean; canWait: boolean }): boolean;
  onClose(): void;
}

// The network wants some context before the window in question.
const PRE_ROLL_WINDOWS = 4;
// An onset is asked about as it grows, each time with the windows laid so that they end with the newest frame: waiting for the
// next whole window would cost 20 to 30 ms. Only so often, because in lasting noise that is dear.
const EAGER_FRAMES = 6;
// While someone speaks, the network may be less sure than at the onset.
const STAY_ABOVE = 0.2;
// That somebody goes on speaking may be known a window later: every message to the thread costs.
const WINDOWS_AT_ONCE = 2;
// Silent for so long, the network is dead or overloaded, and fvad decides alone.
const PATIENCE_FRAMES = 5;

/** fvad listens to every frame; while it says voice, Silero is asked, and may veto an onset or end a voice that is none. */
export class SileroDetector implements VoiceDetector {
  readonly onsetMs: number;
  readonly hangoverMs: number;
  readonly #options: SileroDetectorOptions;
  readonly #edges: Edges;
  readonly #hangFrames: number;
  readonly #windowSamples: number;
  // The end of what was pushed, as a ring; positions count samples since the start.
  readonly #ring: Int16Array;
  #pushed = 0;
  #asked = 0;
  #quietFrames: number;
  #voicedFrames = 0;
  // Serials of the questions: the last one, the first that still counts, the last one answered.
  #lastSerial = 0;
  #firstSerial = 0;
  #answered = 0;
  #waitingFrames = 0;
  // The network died, and has not answered since.
  #alone = false;
  #speech: number | undefined;
  #closed = false;
  readonly #hunch = new Hunch();
  #onEdge: ((edge: "speech") => void) | undefined;

  constructor(options: SileroDetectorOptions) {
    const { rate, onsetMs, hangMs } = options;
    this.#options = options;
    this.onsetMs = onsetMs;
    this.hangoverMs = hangMs + FVAD_TAIL_MS;
    this.#hangFrames = hangMs / FRAME_MS;
    this.#edges = new Edges({ onsetFrames: onsetMs / FRAME_MS, hangFrames: this.#hangFrames });
    this.#windowSamples = rate === 16_000 ? 512 : 256;
    this.#ring = new Int16Array(this.#windowSamples * (PRE_ROLL_WINDOWS + 2));
    this.#quietFrames = this.#hangFrames + 1;
  }

  get speaking(): boolean {
    return this.#edges.speaking;
  }

  get hunch(): boolean {
    return this.#hunch.on;
  }

  onEdge(listener: (edge: "speech") => void): void {
    this.#onEdge = listener;
  }

  push({ pcm }: Frame): "speech" | "silence" | undefined {
    if (this.#closed) return undefined;
    const voiced = this.#options.fvad.voiced(pcm);
    this.#keep(pcm);
    const edge = this.#judge(voiced);
    this.#hunch.push(pcm, { voiced, likely: this.#edges.likely, known: this.speaking });
    this.#voicedFrames = voiced ? this.#voicedFrames + 1 : 0;
    this.#quietFrames = voiced ? 0 : this.#quietFrames + 1;
    this.#waitingFrames = this.#answered === this.#lastSerial ? 0 : this.#waitingFrames + 1;
    // For one hang-over we go on asking, so that the network's memory bridges the gaps between words.
    if (this.#quietFrames <= this.#hangFrames) this.#ask();
    else this.#forget();
    return edge;
  }

  /** The network's answer to the question with that serial. */
  verdict(serial: number, speech: number): void {
    // Of a question that died with its thread there is no answer to come, and none that is not the last one.
    if (serial !== this.#lastSerial) return;
    this.#answered = serial;
    this.#waitingFrames = 0;
    this.#alone = false;
    if (serial < this.#firstSerial) return;
    this.#speech = speech;
    // Waiting for the next frame to say so would cost the caller 20 ms.
    if (this.#onEdge && speech >= this.#options.threshold && this.#edges.believe()) this.#onEdge("speech");
  }

  /** The network died with all that was asked: fvad decides alone until it answers again. */
  lost(): void {
    this.#forget();
    this.#answered = this.#lastSerial;
    this.#alone = true;
  }

  reset(): void {
    if (this.#closed) return;
    this.#options.fvad.reset();
    this.#edges.reset();
    this.#hunch.reset();
    this.#forget();
    this.#pushed = 0;
    this.#voicedFrames = 0;
    this.#quietFrames = this.#hangFrames + 1;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.fvad.free();
    this.#options.onClose();
  }

  #judge(voiced: boolean): "speech" | "silence" | undefined {
    const speech = this.#alone || this.#waitingFrames >= PATIENCE_FRAMES ? 1 : this.#speech;
    if (speech === undefined) return this.#edges.push(voiced, false);
    // Before an onset fvad counts the frames, and the network, which needs a little longer, believes them or not.
    const stays = !this.speaking || speech >= STAY_ABOVE;
    return this.#edges.push(voiced && stays, speech >= this.#options.threshold);
  }

  #keep(pcm: Int16Array): void {
    const at = this.#pushed % this.#ring.length;
    const first = Math.min(pcm.length, this.#ring.length - at);
    for (let i = 0; i < first; i++) this.#ring[at + i] = pcm[i] as number;
    for (let i = first; i < pcm.length; i++) this.#ring[i - first] = pcm[i] as number;
    this.#pushed += pcm.length;
  }

  /** One question at a time: an overloaded network is asked less often, and then about all that came meanwhile. */
  #ask(): void {
    if (this.#answered !== this.#lastSerial) return;
    const size = this.#windowSamples;
    const eager = !this.speaking && this.#voicedFrames > 0 && this.#voicedFrames <= EAGER_FRAMES;
    const oldest = Math.max(0, this.#pushed - size * PRE_ROLL_WINDOWS);
    const restart = eager || this.#asked < oldest;
    const from = restart ? oldest : this.#asked;
    const count = Math.floor((this.#pushed - from) / size) * size;
    if (count === 0 || (!restart && this.speaking && count < size * WINDOWS_AT_ONCE)) return;
    this.#asked = from + count;
    this.#lastSerial++;
    const how = { serial: this.#lastSerial, restart, canWait: this.speaking };
    if (!this.#options.ask(this.#copy(from, count), how)) this.lost();
  }

  #copy(from: number, count: number): Int16Array<ArrayBuffer> {
    const copy = new Int16Array(count);
    const at = from % this.#ring.length;
    const first = this.#ring.subarray(at, at + count);
    copy.set(first);
    copy.set(this.#ring.subarray(0, count - first.length), first.length);
    return copy;
  }

  /** What is asked from now on does not join what was asked before, and an answer that is still to come does not count. */
  #forget(): void {
    this.#speech = undefined;
    this.#asked = -1;
    this.#firstSerial = this.#lastSerial + 1;
  }
}
