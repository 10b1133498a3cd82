import { z } from "zod";
import { ProviderError, type SpeechToText } from "../../conversation/providers.ts";
import type { ProviderModule } from "../module.ts";
import { Ears } from "./pocketsphinx/ears.ts";
import { openHearing } from "./pocketsphinx/hearing.ts";

const MAX_HINTS = 2000;

const schema = z.strictObject({
  folder: z
    .string()
    .min(1)
    .default("/usr/share/pocketsphinx/model/en-us")
    .describe("where the model lies: en-us/, en-us.lm.bin and cmudict-en-us.dict"),
  callsPerProcess: z.int().min(1).max(16).default(4).describe("how many calls one listening process takes"),
  maxProcesses: z.int().min(1).max(64).default(16).describe("how many listening processes there may be"),
});

/**
 * English over the telephone without a cloud: understands what the agent's file expects, in other words too, and little else.
 * Decodes while the caller speaks, in processes of its own.
 */
export const pocketsphinx: ProviderModule<"stt", typeof schema> = {
  stage: "stt",
  name: "pocketsphinx",
  schema,
  leavesHost: () => undefined,
  create({ folder, callsPerProcess, maxProcesses }, { clock, log }): SpeechToText {
    const ears = new Ears({ folder, hearingsPerProcess: callsPerProcess, maxProcesses, log });
    return {
      name: "pocketsphinx",
      async prepare({ rate, hints, signal }) {
        if (rate === 8000 || rate === 16_000) await ears.prepare({ rate, hints: hints.slice(0, MAX_HINTS), signal });
      },
      open({ rate, language, hints, signal }) {
        if (!language.toLowerCase().startsWith("en")) {
          throw new ProviderError(
            "pocketsphinx",
            "refused",
            `it understands English only, not ${JSON.stringify(language)}`,
          );
        }
        if (rate !== 8000 && rate !== 16_000) {
          throw new ProviderError("pocketsphinx", "refused", `it takes 8 and 16 kHz, not ${rate}`);
        }
        return openHearing({ rate, hints: hints.slice(0, MAX_HINTS), signal, ears, clock, log });
      },
      close: () => ears.close(),
    };
  },
};
