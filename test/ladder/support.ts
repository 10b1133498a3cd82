import { Breaker, type BreakerLimits } from "../../src/base/breaker.ts";
import type { LadderStep, Rung } from "../../src/conversation/ladder.ts";
import type { VirtualClock } from "../support/virtual-clock.ts";

export const BREAKER: BreakerLimits = { failures: 2, retryMs: 5_000, retryMaxMs: 60_000 };

export const rungOf = <P extends { readonly name: string }>(clock: VirtualClock, provider: P): Rung<P> => ({
  name: provider.name,
  provider,
  breaker: new Breaker(clock, BREAKER),
});

/** What a call's record would say of the steps. */
export class Steps {
  readonly all: LadderStep[] = [];
  readonly onStep = (step: LadderStep): void => void this.all.push(step);

  get told(): string[] {
    return this.all.map((step) =>
      step.type === "returned"
        ? `${step.stage} ${step.provider} back`
        : `${step.stage} ${step.provider} ${step.code} > ${step.next ?? "nobody"}`,
    );
  }
}

/** Whether a word stands beside itself: what a caller would notice. */
export const repeats = (text: string): string[] => {
  const words = text
    .toLowerCase()
    .replace(/[^\p{L}\p{N} ]/gu, "")
    .split(/\s+/);
  return words.filter((word, index) => index > 0 && word === words[index - 1]);
};
