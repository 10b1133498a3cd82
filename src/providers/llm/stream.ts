import type { Clock } from "../../base/clock.ts";
import { abortable, OVER } from "../../base/signals.ts";
import type { LanguageModel, Message, ReplyPart, Usage } from "../../conversation/providers.ts";
import { patiently } from "../patience.ts";
import type { TokenPrices, Tokens } from "./bill.ts";
import { apiFailure } from "./failure.ts";
import { type Prepared, prepare } from "./messages.ts";
import { Meter } from "./meter.ts";

export type ReplyOptions = Parameters<LanguageModel["reply"]>[1];

/** What a server's protocol adds to the way all models are asked. */
export interface Protocol<Chunk> {
  /** The vendor's library is loaded: that is our time, and no delay of the provider's. */
  readonly ready: Promise<unknown>;
  /** Asks, and gives what is streamed back. Resolves when the server has accepted. */
  ask(prepared: Prepared, signal: AbortSignal): Promise<AsyncIterable<Chunk>>;
  /** The reply's parts out of it. Throws a ProviderError for what is no whole answer. */
  parts(chunks: AsyncIterable<Chunk>, onTokens: (tokens: Tokens) => void): AsyncIterable<ReplyPart>;
}

export interface Asking {
  readonly provider: string;
  readonly clock: Clock;
  readonly firstMs: number;
  readonly stallMs: number;
  readonly prices: TokenPrices;
}

/** One reply of one model: within its deadlines, quiet when it is not wanted any more, and billed whatever became of it. */
export async function* streamReply<Chunk>(
  messages: readonly Message[],
  protocol: Protocol<Chunk>,
  { provider, clock, firstMs, stallMs, prices, signal, onUsage }: Asking & Omit<ReplyOptions, "tools">,
): AsyncGenerator<ReplyPart, void, undefined> {
  if (signal.aborted) return;
  const prepared = prepare(messages);
  const abort = new AbortController();
  const meter = new Meter(provider, prices, prepared);
  async function* chunks(): AsyncGenerator<Chunk> {
    const answer = await protocol.ask(prepared, abort.signal);
    meter.accepted();
    yield* answer;
  }
  const patience = { provider, clock, firstMs, stallMs, signal, stop: () => abort.abort(OVER) };
  try {
    await abortable(protocol.ready, signal);
    for await (const part of protocol.parts(patiently(chunks(), patience), (tokens) => meter.told(tokens))) {
      if (signal.aborted) return;
      meter.wrote(part);
      yield part;
    }
  } catch (error) {
    if (!signal.aborted) throw apiFailure(provider, error);
  } finally {
    const usage: Usage | undefined = meter.usage;
    if (usage) onUsage?.(usage);
  }
}
