import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FRAME_MS, type SampleRate, samplesPerFrame } from "../../../src/audio/frame.ts";
import type { VoiceActivity, VoiceDetector } from "../../../src/conversation/providers.ts";
import { lineNoise, speechAt } from "../support/sounds.ts";

/** What every voice activity detection must do. `pace`: awaited after each frame, where verdicts come from elsewhere. */
export function describeVoiceActivity(
  name: string,
  { create, pace }: { create: () => VoiceActivity; pace: () => Promise<void> },
): void {
  describe(`${name} as voice activity`, () => {
    let vad: VoiceActivity;
    beforeAll(() => {
      vad = create();
    });
    afterAll(() => vad.close());

    const edgesOf = async (detector: VoiceDetector, pcm: Int16Array, rate: SampleRate) => {
      const samples = samplesPerFrame(rate);
      const edges: { edge: string; atMs: number }[] = [];
      for (let at = 0; at + samples <= pcm.length; at += samples) {
        const edge = detector.push({ pcm: pcm.subarray(at, at + samples), rate });
        if (edge) edges.push({ edge, atMs: (at / samples + 1) * FRAME_MS });
        expect(detector.speaking).toBe(edges.at(-1)?.edge === "speech");
        await pace();
      }
      return edges;
    };

    test.each([8000, 16_000] as const)("at %i Hz, the caller's words have a beginning and an end", async (rate) => {
      const { pcm, startMs, endMs } = speechAt({ rate, text: "Where can I park my car?", beforeMs: 400, afterMs: 600 });
      const detector = vad.open({ rate });
      const edges = await edgesOf(detector, pcm, rate);
      detector.close();
      expect(edges.map(({ edge }) => edge)).toEqual(["speech", "silence"]);
      expect(edges[0]?.atMs).toBeGreaterThan(startMs);
      expect(edges[0]?.atMs).toBeLessThan(startMs + detector.onsetMs + 160);
      expect(edges[1]?.atMs).toBeGreaterThan(endMs);
      expect(edges[1]?.atMs).toBeLessThan(endMs + detector.hangoverMs + 120);
    });

    test("a quiet line is silence", async () => {
      const detector = vad.open({ rate: 8000 });
      expect(await edgesOf(detector, lineNoise({ rate: 8000, ms: 2000, dbov: -65 }), 8000)).toEqual([]);
      detector.close();
    });

    test("after a reset nobody speaks, and the next words are noticed as the first were", async () => {
      const { pcm, startMs } = speechAt({ rate: 8000, text: "Good morning.", beforeMs: 300, afterMs: 0 });
      const detector = vad.open({ rate: 8000 });
      await edgesOf(detector, pcm.subarray(0, (startMs + 400) * 8 - (((startMs + 400) * 8) % 160)), 8000);
      expect(detector.speaking).toBe(true);
      detector.reset();
      expect(detector.speaking).toBe(false);
      expect((await edgesOf(detector, pcm, 8000)).map(({ edge }) => edge)).toContain("speech");
      detector.close();
    });

    test("a call's ear may be closed twice, and hears nothing afterwards", () => {
      const detector = vad.open({ rate: 8000 });
      detector.close();
      detector.close();
      expect(detector.push({ pcm: new Int16Array(160), rate: 8000 })).toBeUndefined();
    });
  });
}
