import { z } from "zod";
import type { SpeechToText } from "../../conversation/providers.ts";
import type { Sdk } from "../deepgram-line.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderModule } from "../module.ts";
import { NovaWire } from "./deepgram/nova.ts";
import { deepgramKeys } from "./deepgram/options.ts";
import { deadlineKeys } from "./live/deadlines.ts";
import { EarlyHearings } from "./live/early.ts";
import { LiveHearing } from "./live/hearing.ts";

const schema = z.strictObject({
  ...deepgramKeys,
  model: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.-]*$/, "a model's name such as nova-3")
    .default("nova-3")
    .describe("`nova-3`, `nova-3-medical`, `nova-2-phonecall`, …; Flux has a type of its own, `flux`."),
  language: z
    .string()
    .max(35)
    .default("")
    .describe("Instead of the agent's language: `multi` understands several at once."),
  smartFormat: z.boolean().default(false).describe("Numbers, dates and amounts in figures, a little later."),
  ...deadlineKeys,
});

// Each piece is a write to a socket, and those are the dearest thing that a worker with many calls does (`bench --only loop_blocks`).
// What is still held goes out before `Finalize`: final words are not later for it.
const BATCH_MS = 200;
// Nobody waits for what is understood of silence.
const QUIET_BATCH_MS = 480;

/** Deepgram's Nova models, streaming, through Deepgram's SDK. */
export const deepgram: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "deepgram",
  schema,
  leavesHost: ({ url }) => hostBeyond(url),
  create(options, { clock, name = "deepgram" }): SpeechToText {
    // Loaded now, so that the first call does not wait for it; a failure shows when it is used.
    const sdk: Promise<Sdk> = import("@deepgram/sdk");
    sdk.catch(() => {});
    const early = new EarlyHearings(
      clock,
      ({ rate, language, hints, signal }) =>
        new LiveHearing({
          provider: name,
          rate,
          signal,
          clock,
          deadlines: options,
          batchMs: BATCH_MS,
          quietBatchMs: QUIET_BATCH_MS,
          talkative: true,
          connect: (hearing) => new NovaWire(hearing, { sdk, provider: name, options, rate, language, hints, clock }),
        }),
    );
    return { name, ...early.port, close: async () => early.close() };
  },
};
