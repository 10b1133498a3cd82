import type { LadderStep } from "./ladder.ts";
import type { Usage } from "./providers.ts";
import type { Turn } from "./turn.ts";

/** A change of who serves a stage, or a few words in place of an answer that takes long. */
export type Fallback = LadderStep | { readonly type: "filler" };

/** Who wants to know how a conversation goes: the live view, the metrics, the record. Called synchronously; must not throw or block. */
export interface ConversationObserver {
  /** The caller's words, as they come. */
  callerWords(text: string, final: boolean): void;
  /** A piece of the agent's reply went to the voice. */
  agentWords(text: string): void;
  /** The agent fell silent because the caller spoke, `ms` after the caller's first voiced frame. */
  bargeIn(ms: number): void;
  /** An exchange is complete: what was heard of it will not change any more. */
  turn(turn: Turn): void;
  /** A key was pressed. Those of protected passages are nobody's. */
  key?(digit: string): void;
  /** From now on this is spoken, as BCP 47. */
  language?(language: string): void;
  /** Something worse stands in for what is better, or what is better is back. */
  fallback?(step: Fallback): void;
  /** What a request to a model or a voice took. May come after the call, of a reply that was given up. */
  usage?(usage: Usage): void;
  /** The agent notes something for the record. False: there is room for no more. */
  note?(text: string): boolean;
}
