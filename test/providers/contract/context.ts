import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import type { ProviderContext } from "../../../src/providers/module.ts";

export const context: ProviderContext = { clock: systemClock, log: silentLog };

/** The pieces of a reply, as a model would give them. */
export async function* piecesOf(...pieces: string[]): AsyncGenerator<string> {
  yield* pieces;
}

/** A reply that stops in the middle: its model never says another word. */
export async function* stalledAfter(...pieces: string[]): AsyncGenerator<string> {
  yield* pieces;
  await new Promise(() => {});
}
