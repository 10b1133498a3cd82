import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { LanguageModel, ProviderError, ReplyPart, Usage } from "../../../src/conversation/providers.ts";
import type { Behaviour, Fault, Moods } from "../../fakes/providers/behaviour.ts";

export interface Deadlines {
  readonly connectMs: number;
  readonly firstMs: number;
  readonly stallMs: number;
}

/** For whoever is to reach a deadline; everybody else gets ones that a busy machine does not reach. */
export const QUICK: Deadlines = { connectMs: 300, firstMs: 300, stallMs: 300 };
export const PATIENT: Deadlines = { connectMs: 10_000, firstMs: 10_000, stallMs: 10_000 };

export interface ModelServer {
  readonly moods: Moods;
  listen(): Promise<unknown>;
  close(): Promise<void>;
  key: string | undefined;
}

/** What every model elsewhere must do when its server has a bad day: say which kind of bad day it is, soon, and be well again after it. */
export function describeModelFaults<S extends ModelServer>(
  name: string,
  { open, create }: { open: () => S; create: (server: S, key: string, deadlines: Deadlines) => LanguageModel },
): void {
  describe(`${name} on a bad day`, () => {
    let server: S;
    let patient: LanguageModel;
    let quick: LanguageModel;
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

    const ask = async (
      model = patient,
      usages: Usage[] = [],
      signal = new AbortController().signal,
    ): Promise<ReplyPart[]> => {
      const parts: ReplyPart[] = [];
      const onUsage = (usage: Usage): void => void usages.push(usage);
      const question = [{ role: "user", content: "When are you open?" }] as const;
      for await (const part of model.reply(question, { tools: [], signal, onUsage })) parts.push(part);
      return parts;
    };
    const failure = async (mood: Behaviour): Promise<string> => {
      server.moods.set(mood);
      try {
        await ask(mood.fault === "silent" || mood.fault === "stall" ? quick : patient);
        return "no failure";
      } catch (error) {
        return (error as ProviderError).code;
      }
    };

    test.each<[Fault, string]>([
      ["refuse", "unreachable"],
      [401, "refused"],
      [429, "overloaded"],
      [500, "unreachable"],
      [503, "overloaded"],
      ["silent", "timeout"],
      ["stall", "timeout"],
      ["garbage", "protocol"],
      ["empty", "protocol"],
    ])("%s is told as %s, and the next question is answered", async (fault, code) => {
      const before = performance.now();
      expect(await failure({ fault })).toBe(code);
      expect(performance.now() - before).toBeLessThan(PATIENT.firstMs / 2);
      server.moods.set({});
      expect(await ask()).not.toEqual([]);
    });

    test("a connection that breaks in the middle is told as a failure, not as a short answer", async () => {
      expect(["unreachable", "protocol"]).toContain(await failure({ fault: "close" }));
    });

    test("nobody there is told as unreachable", async () => {
      const gone = open();
      await gone.listen();
      const alone = create(gone, "sk-right", PATIENT);
      await gone.close();
      const asking = async () => {
        const { signal } = new AbortController();
        for await (const _ of alone.reply([{ role: "user", content: "Hello?" }], { tools: [], signal }));
      };
      await expect(asking()).rejects.toMatchObject({ code: "unreachable" });
      await alone.close();
    });

    test("a caller who talks on while the model is silent, or in mid-sentence, waits for nothing", async () => {
      for (const mood of [{ fault: "silent" }, { fault: "stall" }, { perSecond: 20 }] as const) {
        server.moods.set(mood);
        const over = new AbortController();
        const asking = ask(patient, [], over.signal);
        setTimeout(() => over.abort(), 50);
        const before = performance.now();
        await asking;
        expect(performance.now() - before).toBeLessThan(PATIENT.firstMs / 2);
      }
    });

    test("the bill comes with the answer; of a reply that was given up, an estimate; of one that was refused, none", async () => {
      const [whole, cut, refused]: Usage[][] = [[], [], []];
      await ask(patient, whole);
      server.moods.set({ fault: "stall" });
      await ask(quick, cut).catch(() => undefined);
      server.moods.set({ fault: 401 });
      await ask(patient, refused).catch(() => undefined);
      expect(whole).toEqual([
        expect.objectContaining({ inputTokens: 120, cachedTokens: 100, cost: expect.any(Number) }),
      ]);
      expect(whole?.[0]?.estimated).toBeUndefined();
      expect(cut?.[0]?.inputTokens).toBeGreaterThan(0);
      expect(refused).toEqual([]);
    });

    test("a wrong key is refused, and appears in no message", async () => {
      server.key = "sk-right";
      const wrong = create(server, "sk-wrong-0123456789", PATIENT);
      const asking = async () => {
        const { signal } = new AbortController();
        for await (const _ of wrong.reply([{ role: "user", content: "Hello?" }], { tools: [], signal }));
      };
      const error = await asking().catch((caught: unknown) => caught as ProviderError);
      expect(error).toMatchObject({ code: "refused" });
      expect(String(error)).not.toContain("sk-wrong");
      await wrong.close();
      expect(await ask()).not.toEqual([]);
      server.key = undefined;
    });
  });
}
