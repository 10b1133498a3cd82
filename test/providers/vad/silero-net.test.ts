import { expect, test } from "vitest";
import { SileroModel } from "../../../src/providers/vad/silero-model.ts";
import { SileroNet } from "../../../src/providers/vad/silero-net.ts";
import { readSileroWeights } from "../../../src/providers/vad/silero-weights.ts";
import { rattle, speechAt } from "../support/sounds.ts";
import reference from "./silero-reference.json" with { type: "json" };

const weights = readSileroWeights();

function probabilities(net: SileroNet, pcm: Int16Array): number[] {
  const found: number[] = [];
  for (let at = 0; at + net.windowSamples <= pcm.length; at += net.windowSamples) found.push(net.next(pcm, at));
  return found;
}

// The reference was computed by the original model (silero_vad.onnx, v6) in onnxruntime, over the same sounds.
test.each([8000, 16_000] as const)("at %i Hz the network says what the original says", (rate) => {
  const words = speechAt({
    rate,
    text: "Could you tell me when you are open on Saturday?",
    beforeMs: 300,
    afterMs: 300,
  }).pcm;
  const noise = rattle({ rate, ms: 2000 });
  const pcm = new Int16Array(words.length + noise.length);
  pcm.set(words);
  pcm.set(noise, words.length);
  const expected = reference[`${rate}`];
  const found = probabilities(new SileroNet(new SileroModel(weights[rate])), pcm);
  expect(found).toHaveLength(expected.length);
  const differences = found.map((speech, i) => Math.abs(speech - (expected[i] ?? Number.NaN)));
  expect(Math.max(...differences)).toBeLessThan(0.02);
  // A reference of nothing but zeros would prove nothing.
  expect(expected.filter((speech) => speech > 0.9).length).toBeGreaterThan(20);
  expect(expected.filter((speech) => speech < 0.1).length).toBeGreaterThan(20);
});

test("after a reset a caller is heard as if nobody had spoken before", () => {
  const { pcm } = speechAt({ rate: 8000, text: "Good morning.", beforeMs: 100, afterMs: 100 });
  const net = new SileroNet(new SileroModel(weights[8000]));
  const first = probabilities(net, pcm);
  expect(probabilities(net, pcm)).not.toEqual(first);
  net.reset();
  expect(probabilities(net, pcm)).toEqual(first);
});

test("a model file that is gone or damaged says what to do", () => {
  expect(() => readSileroWeights(new URL("nowhere", import.meta.url))).toThrow(/install Sidetone again/);
  expect(() => readSileroWeights(new URL(import.meta.url))).toThrow(/damaged/);
});
