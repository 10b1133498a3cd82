import type { Frame, SampleRate } from "../../audio/frame.ts";
import { ProviderError, type SpeakOptions, type TextToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderContext, ProviderModule } from "../module.ts";
import { type ElevenLabsOptions, schema } from "./elevenlabs/options.ts";
import { type ElevenLabsKind, elevenLabsProtocol } from "./elevenlabs/protocol.ts";
import { keepSpoken } from "./kept.ts";
import { Line } from "./live/line.ts";
import { Lines } from "./live/lines.ts";
import type { Coding } from "./live/sound.ts";
import { speakThrough } from "./live/speaking.ts";

// The vendor's limit on one connection.
const CONTEXTS = 5;
// The vendor closes after 180 s at most: before that, we do.
const IDLE_MS = 150_000;

/** ElevenLabs, streaming, over its multi-context websocket. */
export const elevenlabs: ProviderModule<"tts", typeof schema> = {
  stage: "tts",
  name: "elevenlabs",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (options, context) => keepSpoken(createElevenLabs(options, context), options, context),
};

function createElevenLabs(
  options: ElevenLabsOptions,
  { clock, name: provider = "elevenlabs" }: ProviderContext,
): TextToSpeech {
  const { connectMs, connections, firstMs, stallMs, price } = options;
  const lines = new Lines({
    provider,
    connections,
    lineOf(kind, gone) {
      const protocol = elevenLabsProtocol(provider, options, JSON.parse(kind) as ElevenLabsKind);
      return new Line({ protocol, clock, connectMs, contexts: CONTEXTS, idleMs: IDLE_MS, gone });
    },
  });
  // Voice and coding belong to the connection.
  const kindOf = ({ voice, rate, language }: Pick<SpeakOptions, "voice" | "rate" | "language">): string => {
    const chosen = voice || options.voice;
    if (chosen === "") throw new ProviderError(provider, "refused", "no voice; name one in the agent file, or here");
    return JSON.stringify({ voice: chosen, format: formatOf(options, rate), language: language.slice(0, 2) });
  };
  return {
    name: provider,
    connect: (wanted) => lines.warm(() => kindOf(wanted), wanted.signal),
    speak(text, spoken): AsyncIterable<Frame> {
      const coding = codingOf(options, spoken.rate);
      const open = () => lines.open(kindOf(spoken));
      return speakThrough(text, { provider, clock, firstMs, stallMs, coding, price, open }, spoken);
    },
    async close() {
      lines.close();
    },
  };
}

/** What the vendor has at the call's own rate; above its highest useful one it is asked for that. */
function codingOf({ coding }: ElevenLabsOptions, rate: SampleRate): Coding {
  if (coding === "mulaw" && rate === 8000) return { kind: "mulaw", rate };
  return { kind: "pcm", rate: Math.min(rate, 24_000) };
}

function formatOf(options: ElevenLabsOptions, rate: SampleRate): string {
  const { kind, rate: rateHz } = codingOf(options, rate);
  return kind === "mulaw" ? "ulaw_8000" : `pcm_${rateHz}`;
}
