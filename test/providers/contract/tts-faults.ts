import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ProviderError, TextToSpeech, Usage } from "../../../src/conversation/providers.ts";
import type { Behaviour, Fault } from "../../fakes/providers/behaviour.ts";
import { piecesOf } from "./context.ts";
import { type Deadlines, type ModelServer, PATIENT, QUICK } from "./llm-faults.ts";

const SENTENCE = "We are open from eight to six, Monday to Friday.";

/** What every voice elsewhere must do when its server has a bad day. `codes`: where its protocol cannot tell what others tell. */
export function describeVoiceFaults<S extends ModelServer>(
  name: string,
  {
    open,
    create,
    voice,
    codes = {},
    without = [],
    keyless = false,
  }: {
    open: () => S;
    create: (server: S, key: string, deadlines: Deadlines) => TextToSpeech;
    voice: string;
    codes?: Partial<Record<Fault, string>>;
    /** Faults that its protocol does not have. */
    without?: readonly Fault[];
    /** Its protocol has no keys. */
    keyless?: boolean;
  },
): void {
  describe(`${name} on a bad day`, () => {
    let server: S;
    let patient: TextToSpeech;
    let quick: TextToSpeech;
    beforeAll(async () => {
      server = open();
      await server.listen();
      patient = create(server, "sk-right", PATIENT);
      quick = create(server, "sk-right", QUICK);
    });
    afterAll(async () => {
      await Promise.all([patient.close(), quick.close()]);
      await server.close();
    });
    beforeEach(() => server.moods.set({}));

    const speak = async (
      tts = patient,
      { signal = new AbortController().signal, usages = [] }: { signal?: AbortSignal; usages?: Usage[] } = {},
    ): Promise<number> => {
      let samples = 0;
      const onUsage = (usage: Usage): void => void usages.push(usage);
      const options = { voice, rate: 8000, language: "en", signal, onUsage } as const;
      for await (const { pcm } of tts.speak(piecesOf(SENTENCE), options)) samples += pcm.length;
      return samples / 8;
    };
    const failure = async (mood: Behaviour): Promise<string> => {
      server.moods.set(mood);
      const waits = mood.fault === "silent" || mood.fault === "stall";
      const tts = create(server, "sk-right", waits ? QUICK : PATIENT);
      try {
        await speak(tts);
        return "no failure";
      } catch (error) {
        return (error as ProviderError).code;
      } finally {
        await tts.close();
      }
    };

    const faults: readonly (readonly [Fault, string])[] = [
      ["refuse", "unreachable"],
      [401, "refused"],
      [429, "overloaded"],
      [500, "unreachable"],
      [503, "overloaded"],
      ["silent", "timeout"],
      ["stall", "timeout"],
      ["garbage", "protocol"],
      ["empty", "protocol"],
      ["close", "unreachable"],
    ];
    test.each(faults.filter(([fault]) => !without.includes(fault)))(
      "%s is told as %s, and the next words are heard",
      async (fault, code) => {
        const before = performance.now();
        expect(await failure({ fault })).toBe(codes[fault] ?? code);
        expect(performance.now() - before).toBeLessThan(PATIENT.firstMs / 2);
        server.moods.set({});
        expect(await speak()).toBeGreaterThan(1_000);
      },
    );

    test("nobody there is told as unreachable", async () => {
      const gone = open();
      await gone.listen();
      const alone = create(gone, "sk-right", PATIENT);
      await gone.close();
      await expect(speak(alone)).rejects.toMatchObject({ code: "unreachable" });
      await alone.close();
    });

    test("a caller who talks while the voice is silent, or in mid-sentence, waits for nothing", async () => {
      for (const mood of [{ fault: "silent" }, { fault: "stall" }, { perSecond: 1 }] as const) {
        server.moods.set(mood);
        const over = new AbortController();
        const speaking = speak(patient, { signal: over.signal });
        setTimeout(() => over.abort(), 50);
        const before = performance.now();
        await speaking;
        expect(performance.now() - before).toBeLessThan(PATIENT.firstMs / 2);
      }
      server.moods.set({});
      expect(await speak()).toBeGreaterThan(1_000);
    });

    test("the characters that were spoken are counted, at their price", async () => {
      const usages: Usage[] = [];
      await speak(patient, { usages });
      expect(usages).toEqual([
        { provider: expect.any(String), characters: SENTENCE.length, cost: (SENTENCE.length * 50) / 1e6 },
      ]);
    });

    if (keyless) return;
    test("a wrong key is refused, and appears in no message", async () => {
      server.key = "sk-right";
      const wrong = create(server, "sk-wrong-0123456789", PATIENT);
      const error = await speak(wrong).catch((caught: unknown) => caught as ProviderError);
      expect(error).toMatchObject({ code: "refused" });
      expect(String(error)).not.toContain("sk-wrong");
      await wrong.close();
      server.key = undefined;
    });
  });
}
