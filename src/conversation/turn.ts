/** Where a turn's time went, in ms. What did not happen is absent. */
export interface TurnLatency {
  /** From the caller's last voiced frame to the decision that the turn is over. */
  readonly endpointMs?: number;
  /** From that decision to the final words (0 when they were there already). */
  readonly sttMs?: number;
  /** From the question to the model's first text. */
  readonly llmMs?: number;
  /** From the first text to the voice's first frame. */
  readonly ttsMs?: number;
  /** From the first frame to its hand-over to the PBX. */
  readonly playoutMs?: number;
  /** From the caller's last voiced frame to the agent's first frame on its way to the caller. */
  readonly totalMs?: number;
}

export interface Utterance {
  readonly text: string;
  /** Since the call was lent, in ms. */
  readonly startMs: number;
}

export interface AgentUtterance extends Utterance {
  /** How much of it the caller heard, in ms, and the words of that. */
  readonly heardMs: number;
  readonly heardText: string;
}

/** One exchange: what the caller said (empty for the greeting and for prompts), and what the agent answered. */
export interface Turn {
  readonly index: number;
  readonly caller: Utterance;
  readonly agent?: AgentUtterance;
  readonly tools: readonly string[];
  readonly latency: TurnLatency;
  /** The caller talked over the agent and took the floor. */
  readonly interrupted: boolean;
  /** From the caller's first voiced frame to the agent's silence, when interrupted. */
  readonly bargeInMs?: number;
}
