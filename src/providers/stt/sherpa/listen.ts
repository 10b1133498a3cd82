import { systemClock } from "../../../base/clock.ts";
import { messageOf } from "../../../base/errors.ts";
import type { Loaded } from "../../sherpa/serve.ts";
import type { EarAnswer, EarAsk, EarSettings } from "./protocol.ts";
import { LONGEST_S, type Recogniser, Recognisers, type Stream } from "./recognisers.ts";

// The model looks ahead: what was said last is understood when so much has come after it.
const TAIL_S = 0.66;

interface Listening {
  readonly place: number;
  readonly recogniser: Recogniser;
  readonly stream: Stream;
  readonly rate: number;
  /** What is not given to the recogniser yet: sound after a pause waits for the pause's words. */
  readonly inbox: (Int16Array | "finish")[];
  pieces: string[];
  finishing: boolean;
  samples: number;
  said: string;
}

/** The child's work: takes sound as it comes, decodes what all calls have ready in one go, and tells the words. */
export function listen(loaded: Loaded<EarSettings>, tell: (answer: EarAnswer) => void): (ask: EarAsk) => void {
  const recognisers = new Recognisers(loaded);
  const places = new Map<number, Listening>();
  let busy = false;
  const work = (): void => {
    busy = false;
    for (const one of places.values()) guarded(one, () => feed(one));
    const ready = [...places.values()].filter(({ recogniser, stream }) => recogniser.isReady(stream));
    for (const [recogniser, streams] of byRecogniser(ready)) recogniser.decodeStreams(streams);
    for (const one of places.values()) guarded(one, () => report(one, { tell, capitals: recognisers.capitals }));
    const more = [...places.values()].some((one) => one.inbox.length > 0 || one.recogniser.isReady(one.stream));
    if (more) soon();
  };
  // Messages that are waiting are taken before the next round.
  const soon = (): void => {
    if (!busy) systemClock.after(0, work);
    busy = true;
  };
  const guarded = (one: { readonly place: number }, run: () => void): void => {
    try {
      run();
    } catch (error) {
      places.delete(one.place);
      tell({ type: "failed", place: one.place, message: messageOf(error) });
    }
  };
  return (ask) =>
    guarded(ask, () => {
      if (ask.type === "open") {
        places.set(ask.place, opened(ask, recognisers.of(ask.hints, places.size === 0)));
        tell({ type: "open", place: ask.place });
      } else if (ask.type === "close") places.delete(ask.place);
      else {
        places.get(ask.place)?.inbox.push(ask.type === "audio" ? ask.pcm : "finish");
        soon();
      }
    });
}

const opened = ({ place, rate }: Extract<EarAsk, { type: "open" }>, recogniser: Recogniser): Listening => ({
  place,
  recogniser,
  stream: recogniser.createStream(),
  rate,
  inbox: [],
  pieces: [],
  finishing: false,
  samples: 0,
  said: "",
});

function feed(one: Listening): void {
  while (!one.finishing) {
    const next = one.inbox.shift();
    if (next === undefined) return;
    one.finishing = next === "finish";
    const samples = next === "finish" ? new Float32Array(Math.round(TAIL_S * one.rate)) : floats(next);
    one.samples += samples.length;
    // Its own resampler makes 16 kHz of it.
    one.stream.acceptWaveform({ samples, sampleRate: one.rate });
  }
}

function report(one: Listening, { tell, capitals }: { tell: (answer: EarAnswer) => void; capitals: boolean }): void {
  const { place, recogniser, stream } = one;
  if (one.samples === 0) return;
  const { text: read, ys_probs: scores } = recogniser.getResult(stream);
  if (typeof read !== "string") throw new TypeError("the recogniser's result has no text");
  const heard = capitals ? read.trim().toLowerCase() : read.trim();
  const text = [...one.pieces, heard].filter(Boolean).join(" ");
  const told = { place, text, ...confidenceOf(scores) };
  if (one.finishing) {
    if (recogniser.isReady(stream)) return;
    begin(one);
    tell({ type: "final", ...told });
  } else if (recogniser.isEndpoint(stream)) {
    const long = one.samples >= LONGEST_S * one.rate * 0.9;
    begin(one);
    // One who talks without a pause has not ended.
    if (long) Object.assign(one, { pieces: [text.slice(-4000)], said: text });
    else if (text !== "") tell({ type: "end", ...told });
  } else {
    tell({ type: "heard", place, ...(text !== one.said && { text }) });
    one.said = text;
  }
}

function begin(one: Listening): void {
  one.recogniser.reset(one.stream);
  Object.assign(one, { pieces: [], finishing: false, samples: 0, said: "" });
}

function byRecogniser(ready: readonly Listening[]): Map<Recogniser, Stream[]> {
  const streams = new Map<Recogniser, Stream[]>();
  for (const { recogniser, stream } of ready) streams.set(recogniser, [...(streams.get(recogniser) ?? []), stream]);
  return streams;
}

function floats(pcm: Int16Array): Float32Array {
  const samples = new Float32Array(pcm.length);
  for (let at = 0; at < pcm.length; at++) samples[at] = (pcm[at] ?? 0) / 32_768;
  return samples;
}

/** The geometric mean of the tokens' probabilities, where the library gives their logarithms. */
function confidenceOf(scores: unknown): { readonly confidence?: number } {
  if (!Array.isArray(scores) || scores.length === 0) return {};
  const confidence = Math.exp(scores.reduce((sum: number, score) => sum + Number(score), 0) / scores.length);
  return confidence > 0 && confidence <= 1 ? { confidence } : {};
}
