import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import type { Agent } from "./agent.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ReplyPart, TextToSpeech, Usage } from "./providers.ts";
import { Reply } from "./reply.ts";

export interface AsideOptions {
  readonly tts: TextToSpeech;
  readonly media: MediaStream;
  readonly clock: Clock;
  readonly agent: Pick<Agent, "voice" | "language">;
  readonly limits: Pick<ConversationLimits, "stallMs" | "replyCharacters">;
  readonly onWords: (text: string) => void;
  readonly onUsage: (usage: Usage) => void;
}

export interface Aside {
  /** What of it was heard, when it is over; rejects when it could not be said. */
  readonly over: Promise<AsideHeard>;
  /** Silence in this tick. */
  cut(): void;
}

export interface AsideHeard {
  /** By the clock's `now`; undefined: nothing of it was heard. */
  readonly startedAt: number | undefined;
  readonly heardMs: number;
  readonly heardText: string;
  readonly cut: boolean;
}

/** A sentence of the agent's own that a tool says while it has the floor: no model is asked, and nobody answers to it. */
export function sayAside(text: string, options: AsideOptions): Aside {
  const { tts, media, clock, agent, limits, onWords, onUsage } = options;
  const over = Promise.withResolvers<AsideHeard>();
  const tell = (heardMs: number, cut: boolean): void => {
    const { writtenAt: startedAt } = reply.moments;
    over.resolve({ startedAt, heardMs, heardText: reply.spoken.heard(heardMs), cut });
  };
  const reply = new Reply({
    source: () => only(text),
    wordsFor: () => undefined,
    ...{ tts, media, clock, voice: agent.voice, language: agent.language },
    stallMs: limits.stallMs,
    maxCharacters: limits.replyCharacters,
    events: {
      begins: () => 0,
      audio: () => {},
      words: onWords,
      done: () => tell(reply.spoken.ms, false),
      failed: (_stage, error) => over.reject(error),
      usage: onUsage,
    },
  });
  reply.release();
  return { over: over.promise, cut: () => tell(reply.cancel(), true) };
}

async function* only(text: string): AsyncGenerator<ReplyPart> {
  yield { type: "text", text };
}
