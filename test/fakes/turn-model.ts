import type { Clock } from "../../src/base/clock.ts";
import { ProviderError, type TurnModel } from "../../src/conversation/providers.ts";

/** A turn model that is told what it thinks, and after how long it says so. */
export class FakeTurnModel implements TurnModel {
  readonly name = "fake";
  readonly #clock: Clock;
  /** What it says, question by question; then the last one again. An error is what it rejects with. */
  says: (number | Error)[] = [];
  afterMs = 60;
  readonly asked: {
    readonly ms: number;
    readonly voicedMs: number;
    readonly atMs: number;
    readonly signal: AbortSignal;
  }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async judge({ pcm, rate }: { pcm: Int16Array; rate: number }, signal: AbortSignal): Promise<number> {
    const voiced = pcm.filter((sample) => Math.abs(sample) > 400).length;
    this.asked.push({
      ms: (pcm.length * 1000) / rate,
      voicedMs: (voiced * 1000) / rate,
      atMs: this.#clock.now(),
      signal,
    });
    const answer = this.says[Math.min(this.asked.length, this.says.length) - 1];
    await this.#clock.sleep(this.afterMs, signal);
    if (typeof answer === "number") return answer;
    throw answer ?? new ProviderError(this.name, "protocol", "it was told nothing");
  }

  async close(): Promise<void> {}
}
