import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SampleRate, samplesPerFrame } from "../../../src/audio/frame.ts";
import type { TextToSpeech } from "../../../src/conversation/providers.ts";
import { piecesOf, stalledAfter } from "./context.ts";

/** What every voice must do. `rates`: those it is asked for; the two telephone rates at least. */
export function describeTextToSpeech(
  name: string,
  { create, voice }: { create: () => TextToSpeech; voice: string },
): void {
  describe(`${name} as a voice`, () => {
    let tts: TextToSpeech;
    beforeAll(() => {
      tts = create();
    });
    afterAll(() => tts.close());
    const speak = (
      text: AsyncIterable<string>,
      { rate = 8000, signal = new AbortController().signal }: { rate?: SampleRate; signal?: AbortSignal } = {},
    ) => tts.speak(text, { voice, rate, language: "en", signal });

    test.each([8000, 16_000] as const)(
      "the caller hears frames of at most 100 ms at the call's own %i Hz",
      async (rate) => {
        let samples = 0;
        let loudest = 0;
        for await (const frame of speak(piecesOf("Good morning.", "How can I help you?"), { rate })) {
          expect(frame.rate).toBe(rate);
          expect(frame.pcm.length).toBeLessThanOrEqual(5 * samplesPerFrame(rate));
          samples += frame.pcm.length;
          for (const sample of frame.pcm) loudest = Math.max(loudest, Math.abs(sample));
        }
        expect(samples / rate).toBeGreaterThan(1);
        expect(samples / rate).toBeLessThan(5);
        expect(loudest).toBeGreaterThan(3000);
      },
    );

    test("the first words are heard while the model is still thinking of the others", async () => {
      const over = new AbortController();
      let heardMs = 0;
      for await (const { pcm, rate } of speak(stalledAfter("Let me see,"), { signal: over.signal })) {
        expect(pcm.length).toBeGreaterThan(0);
        heardMs += (pcm.length * 1000) / rate;
        if (heardMs >= 200) break;
      }
      expect(heardMs).toBeGreaterThanOrEqual(200);
    });

    test("a caller who interrupts ends the reply quietly, even while the model says nothing", async () => {
      const over = new AbortController();
      let frames = 0;
      for await (const _ of speak(stalledAfter("Yes."), { signal: over.signal })) {
        // The rest of the piece comes, then nothing: the abort must end the wait.
        if (++frames === 1) queueMicrotask(() => over.abort());
      }
      expect(frames).toBeGreaterThan(0);
    });

    test("a reply that was interrupted before it began says nothing", async () => {
      const frames = [];
      for await (const frame of speak(piecesOf("Never heard."), { signal: AbortSignal.abort() })) frames.push(frame);
      expect(frames).toEqual([]);
    });

    test("a reply without words is no error", async () => {
      const frames = [];
      for await (const frame of speak(piecesOf("", " ", "..."))) frames.push(frame);
      expect(frames).toEqual([]);
    });

    test("what the model itself throws reaches the conversation", async () => {
      async function* failing(): AsyncGenerator<string> {
        yield "One moment,";
        throw new Error("the model is gone");
      }
      const hear = async () => {
        for await (const _ of speak(failing()));
      };
      await expect(hear()).rejects.toThrow("the model is gone");
    });

    test("two callers are spoken to at once, each with the own words", async () => {
      const lengthOf = async (text: string) => {
        let samples = 0;
        for await (const frame of speak(piecesOf(text))) samples += frame.pcm.length;
        return samples;
      };
      const [short, long] = await Promise.all([
        lengthOf("No."),
        lengthOf("The clinic is in the old town, next to the station."),
      ]);
      expect(long).toBeGreaterThan(2 * (short ?? 0));
    });
  });
}
