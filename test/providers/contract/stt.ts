import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SampleRate, samplesPerFrame } from "../../../src/audio/frame.ts";
import type { Hearing, SpeechToText, Transcript } from "../../../src/conversation/providers.ts";

interface Options {
  readonly create: () => SpeechToText;
  readonly rate: SampleRate;
  readonly hints: readonly string[];
  /** Something that the recogniser understands, and a word that must be in what it understands. */
  readonly speech: () => Promise<Int16Array> | Int16Array;
  readonly word: string;
}

/** What every recogniser must do. Audio is pushed as fast as it goes; a provider buffers what it cannot take yet. */
export function describeSpeechToText(name: string, { create, rate, hints, speech, word }: Options): void {
  describe(`${name} as a recogniser`, () => {
    let stt: SpeechToText;
    beforeAll(() => {
      stt = create();
    });
    afterAll(() => stt.close());

    const open = (signal: AbortSignal) => stt.open({ rate, language: "en", hints, signal });
    const push = (hearing: Hearing, pcm: Int16Array) => {
      const samples = samplesPerFrame(rate);
      for (let at = 0; at + samples <= pcm.length; at += samples)
        hearing.push({ pcm: pcm.subarray(at, at + samples), rate });
    };
    const finals = async (hearing: Hearing, count: number): Promise<Transcript[]> => {
      const found: Transcript[] = [];
      for await (const transcript of hearing.transcripts) {
        if (transcript.final) found.push(transcript);
        if (found.length === count) break;
      }
      return found;
    };

    test("what the caller said is there after the pause", async () => {
      const over = new AbortController();
      const hearing = open(over.signal);
      push(hearing, await speech());
      hearing.finish();
      const [final] = await finals(hearing, 1);
      over.abort();
      expect(final?.text).toContain(word);
      expect(final?.endMs).toBeGreaterThan(final?.startMs ?? Number.POSITIVE_INFINITY);
    });

    test("each pause is answered once, also one without words", async () => {
      const over = new AbortController();
      const hearing = open(over.signal);
      push(hearing, new Int16Array(rate));
      hearing.finish();
      push(hearing, await speech());
      hearing.finish();
      const found = await finals(hearing, 2);
      over.abort();
      expect(found.map(({ text }) => text.includes(word))).toEqual([false, true]);
    });

    test("a caller who hangs up ends the hearing quietly", async () => {
      const over = new AbortController();
      const hearing = open(over.signal);
      hearing.push({ pcm: new Int16Array(samplesPerFrame(rate)), rate });
      over.abort();
      const found: Transcript[] = [];
      for await (const transcript of hearing.transcripts) found.push(transcript);
      expect(found.filter(({ final }) => final)).toEqual([]);
      hearing.push({ pcm: new Int16Array(samplesPerFrame(rate)), rate });
      hearing.finish();
    });
  });
}
