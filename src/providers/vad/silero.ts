import { z } from "zod";
import type { VoiceActivity } from "../../conversation/providers.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { Thread } from "../thread.ts";
import { fvadOptions } from "./fvad.ts";
import { loadFvad } from "./fvad-library.ts";
import { SileroDetector } from "./silero-detector.ts";
import { Questions } from "./silero-questions.ts";
import type { SileroQuestions, SileroVerdict } from "./silero-worker.ts";

const schema = z.strictObject({
  ...fvadOptions,
  threshold: z
    .number()
    .min(0.05)
    .max(0.95)
    .default(0.4)
    .describe("from this probability of speech on, an onset is believed"),
});

/**
 * fvad in this thread, and behind it the network Silero v6 in a thread of its own, asked while fvad says voice: noise, music and
 * hum do not interrupt the agent. Without an answer (an overloaded machine, a dead thread) fvad decides alone.
 */
export const silero: ProviderModule<"vad", typeof schema> = {
  stage: "vad",
  name: "silero",
  schema,
  leavesHost: () => undefined,
  create: (options, context) => createSilero(options, context),
};

function createSilero(options: z.output<typeof schema>, { clock, log }: ProviderContext): VoiceActivity {
  const library = loadFvad();
  const detectors = new Map<number, SileroDetector>();
  const thread = new Thread<SileroQuestions, readonly SileroVerdict[]>({
    script: new URL("./silero-worker", import.meta.url),
    name: "silero",
    clock,
    log,
    onMessage: (verdicts) => {
      for (const { detector, serial, speech } of verdicts) detectors.get(detector)?.verdict(serial, speech);
    },
    onDeath: () => {
      for (const detector of detectors.values()) detector.lost();
    },
  });
  const questions = new Questions((message) => thread.post(message, [message.pcm.buffer as ArrayBuffer]), clock);
  warmUp(questions);
  let lastId = WARM_UP;
  return {
    name: "silero",
    open({ rate }) {
      if (rate !== 8000 && rate !== 16_000) throw new RangeError(`Silero takes 8 and 16 kHz, not ${rate}`);
      const id = ++lastId;
      const detector = new SileroDetector({
        ...options,
        rate,
        fvad: library.open({ rate, mode: options.mode }),
        ask: (pcm, { serial, restart, canWait }) =>
          questions.ask({ detector: id, rate, serial, restart }, pcm, { canWait }),
        onClose: () => {
          detectors.delete(id);
          questions.ask({ detector: id, rate, serial: 0, restart: false }, NOTHING);
        },
      });
      detectors.set(id, detector);
      return detector;
    },
    close: () => thread.close(),
  };
}

const WARM_UP = 0;
const NOTHING = new Int16Array(0);

/** Loads the model and lets the compiler see it before the first caller does. */
function warmUp(questions: Questions): void {
  for (const rate of [8000, 16_000] as const) {
    const pcm = new Int16Array(rate === 16_000 ? 512 : 256);
    for (let serial = 0; serial < 20; serial++) questions.ask({ detector: WARM_UP, rate, serial, restart: false }, pcm);
    questions.ask({ detector: WARM_UP, rate, serial: 0, restart: false }, NOTHING);
  }
}
