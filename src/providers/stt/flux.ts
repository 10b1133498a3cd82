import { z } from "zod";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import type { Sdk } from "../deepgram-line.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderModule } from "../module.ts";
import { FluxWire } from "./deepgram/flux.ts";
import { deepgramKeys } from "./deepgram/options.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { EarlyHearings } from "./live/early.ts";
import { LiveHearing } from "./live/hearing.ts";

const schema = z
  .strictObject({
    ...deepgramKeys,
    model: z
      .enum(["flux-general-en", "flux-general-multi"])
      .default("flux-general-en")
      .describe("English, or several languages."),
    endThreshold: z
      .number()
      .min(0.5)
      .max(0.9)
      .default(0.7)
      .describe("How sure it must be that the caller's turn is over, to say so."),
    eagerThreshold: z
      .number()
      .min(0.3)
      .max(0.9)
      .default(0.5)
      .describe("How sure, for an answer to be prepared meanwhile. At most `endThreshold`."),
    endTimeoutMs: z
      .int()
      .min(500)
      .max(10_000)
      .default(3000)
      .describe("After so much silence the turn is over in any case."),
    ...deadlineKeys,
  })
  .refine(({ endThreshold, eagerThreshold }) => eagerThreshold <= endThreshold, {
    path: ["eagerThreshold"],
    message: "at most endThreshold",
  });

// What Deepgram recommends for Flux, while somebody speaks.
const BATCH_MS = 80;

/** Deepgram's Flux models, which say themselves when the caller's turn is over, and when it nearly is. */
export const flux: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "flux",
  schema,
  leavesHost: ({ url }) => hostBeyond(url),
  create(options, { clock, name = "flux" }): SpeechToText {
    const sdk: Promise<Sdk> = import("@deepgram/sdk");
    sdk.catch(() => {});
    const early = new EarlyHearings(clock, ({ rate, language, hints, signal }) => {
      if (options.model === "flux-general-en" && !/^en(-|$)/i.test(language)) {
        const told = `flux-general-en understands English only, not ${JSON.stringify(language)}`;
        throw new ProviderError(name, "refused", told);
      }
      return new LiveHearing({
        provider: name,
        rate,
        signal,
        clock,
        deadlines: options,
        batchMs: BATCH_MS,
        talkative: true,
        judges: true,
        connect: (hearing) => new FluxWire(hearing, { sdk, provider: name, options, rate, language, hints, clock }),
      });
    });
    return { name, ...early.port, close: async () => early.close() };
  },
};
