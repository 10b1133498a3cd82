/**
 * A process of its own: the providers' loopback servers, each with its fixed latency. The bench starts it and is told where
 * they listen.
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { FakeDeepgram } from "../../test/fakes/providers/deepgram.ts";
import { FakeElevenLabs } from "../../test/fakes/providers/elevenlabs-server.ts";
import { FakeFlux } from "../../test/fakes/providers/flux.ts";
import { FakeOpenAi } from "../../test/fakes/providers/openai-server.ts";
import { Understanding } from "../../test/fakes/providers/understanding.ts";
import { LATENCY, NEAR } from "./latency.ts";
import type { ToProviders } from "./provided.ts";
import { utterance } from "./utterance.ts";
import { ANSWER, NEAR_ANSWER, NEAR_QUESTION, QUESTION } from "./words.ts";

const deepgram = await FakeDeepgram.start({
  apiKey: "bench",
  transcripts: [QUESTION],
  finalMs: LATENCY.stt,
  // No words before the final ones: an answer would be prepared to them, and its latencies would hide behind one another. It says all
  // the same that it hears: one that says nothing to seconds of speech is taken for dead, and opened again.
  partialMs: 500,
  wordless: true,
});
const openai = new FakeOpenAi({ firstMs: LATENCY.llm });
await openai.listen();
// What is spoken before anybody has asked anything is kept as sound, and nobody waits for it.
const elevenlabs = new FakeElevenLabs();
await elevenlabs.listen();
openai.answer = () => {
  elevenlabs.moods.set({ firstMs: LATENCY.tts });
  return { text: ANSWER };
};

const near = {
  deepgram: await FakeDeepgram.start({
    apiKey: "bench",
    transcripts: [NEAR_QUESTION],
    finalMs: NEAR.stt,
    partialMs: 500,
    wordless: true,
  }),
  flux: await FakeFlux.start({
    apiKey: "bench",
    transcripts: [NEAR_QUESTION],
    eagerMs: NEAR.eager,
    endMs: NEAR.stt,
    finalMs: 0,
    wholeMs: wholeMsOf(),
  }),
  openai: new FakeOpenAi({ firstMs: NEAR.llm }),
  elevenlabs: new FakeElevenLabs({ firstMs: NEAR.tts }),
};
near.openai.answer = () => ({ text: NEAR_ANSWER });
await near.openai.listen();
await near.elevenlabs.listen();

// How late these timers are is how late an answer was for no fault of the service's.
const histogram = monitorEventLoopDelay({ resolution: 1 });
histogram.enable();
process.on("message", (asked: ToProviders) => {
  if (asked.type === "late") process.send?.({ type: "late", p99Ms: histogram.percentile(99) / 1e6 });
  histogram.reset();
});
process.on("disconnect", () => process.exit(0));
process.send?.({
  type: "up",
  deepgram: deepgram.url,
  openai: openai.baseUrl,
  elevenlabs: elevenlabs.url,
  near: {
    deepgram: near.deepgram.url,
    flux: near.flux.url,
    openai: near.openai.baseUrl,
    elevenlabs: near.elevenlabs.url,
  },
});

/** A tenth less than the whole question, which ends in a voiced word: what is loud is counted a little differently behind a PBX. */
function wholeMsOf(): number {
  const understanding = new Understanding(8000, { transcripts: [NEAR_QUESTION] });
  for (const frame of utterance(NEAR_QUESTION, 8000).frames) understanding.push(new Int16Array(frame.buffer));
  return understanding.loudMs * 0.9;
}
