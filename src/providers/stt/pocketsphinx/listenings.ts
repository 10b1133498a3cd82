import type { Decoder } from "./decoder.ts";
import type { FromEar, ToEar } from "./protocol.ts";

// A partial is looked for after so much sound, in samples at 16 kHz (160 ms).
const PARTIAL_SAMPLES = 2560;
// A caller who never pauses is cut here, or the search's memory grows without end (20 s at 16 kHz).
const LONGEST_SAMPLES = 320_000;
const MAX_IDLE = 8;

interface Listening {
  readonly decoder: Decoder;
  readonly key: string;
  readonly telephone: boolean;
  before: string;
  said: string;
  samples: number;
  sinceLook: number;
}

/** The hearings of one process: what it is sent becomes words. All of it blocks for as long as it decodes. */
export class Listenings {
  readonly #make: (options: { hints: readonly string[]; telephone: boolean }) => Decoder;
  readonly #tell: (message: FromEar) => void;
  readonly #hearings = new Map<number, Listening>();
  /** Decoders whose callers have gone: to make one takes a third of a second. */
  readonly #idle: Pick<Listening, "decoder" | "key">[] = [];

  constructor(
    make: (options: { hints: readonly string[]; telephone: boolean }) => Decoder,
    tell: (message: FromEar) => void,
  ) {
    this.#make = make;
    this.#tell = tell;
  }

  /** Throws what the decoder does. */
  take(message: ToEar): void {
    if (message.type === "open") this.#open(message);
    if (message.type === "close") this.#close(message.hearing);
    const listening = this.#hearings.get(message.hearing);
    if (listening && message.type === "audio") this.#listen(listening, message);
    if (listening && message.type === "finish") this.#finish(listening, message.hearing);
  }

  #open({ hearing, rate, hints }: Extract<ToEar, { type: "open" }>): void {
    const key = `${rate}\n${hints.join("\n")}`;
    const kept = this.#idle.findIndex((one) => one.key === key);
    const [ready] = kept < 0 ? [] : this.#idle.splice(kept, 1);
    const telephone = rate === 8000;
    const decoder = ready?.decoder ?? this.#make({ hints, telephone });
    this.#hearings.set(hearing, { decoder, key, telephone, before: "", said: "", samples: 0, sinceLook: 0 });
    this.#tell({ type: "open", hearing });
  }

  #close(hearing: number): void {
    const listening = this.#hearings.get(hearing);
    if (!listening) return;
    this.#hearings.delete(hearing);
    listening.decoder.reset();
    this.#idle.push({ decoder: listening.decoder, key: listening.key });
    if (this.#idle.length > MAX_IDLE) this.#idle.shift()?.decoder.close();
  }

  #listen(listening: Listening, { hearing, pcm }: Extract<ToEar, { type: "audio" }>): void {
    const samples = listening.telephone ? withMirrorImage(pcm) : pcm;
    listening.decoder.process(samples);
    listening.samples += samples.length;
    listening.sinceLook += samples.length;
    if (listening.sinceLook < PARTIAL_SAMPLES) return;
    listening.sinceLook = 0;
    const text = joined(listening.before, listening.decoder.partial());
    if (text !== listening.said && text !== "") this.#tell({ type: "partial", hearing, text });
    listening.said = text;
    if (listening.samples < LONGEST_SAMPLES) return;
    listening.before = joined(listening.before, listening.decoder.finish().text).slice(-2000);
    listening.samples = 0;
  }

  #finish(listening: Listening, hearing: number): void {
    const { text, confidence } = listening.decoder.finish();
    this.#tell({ type: "final", hearing, text: joined(listening.before, text), confidence });
    Object.assign(listening, { before: "", said: "", samples: 0, sinceLook: 0 });
  }
}

/**
 * 8 to 16 kHz with zeros between the samples and no filter. The model is lost when the upper half of its band is empty
 * (93 % of the words wrong); the mirror image of the lower half repairs it.
 */
function withMirrorImage(pcm: Int16Array): Int16Array {
  const out = new Int16Array(pcm.length * 2);
  for (let at = 0; at < pcm.length; at++) out[at * 2] = pcm[at] ?? 0;
  return out;
}

const joined = (a: string, b: string): string => (a === "" || b === "" ? a + b : `${a} ${b}`);
