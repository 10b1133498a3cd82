import type { Hearing, SpeechToText } from "../conversation/providers.ts";
import { CALL_RATE } from "./codec.ts";
import type { CallLeg } from "./leg.ts";

export interface HeardWords {
  readonly text: string;
  readonly final: boolean;
  /** When the words came from the recogniser, by the call's clock. */
  readonly atMs: number;
}

const MAX_UTTERANCES = 1_000;

/** What the far end said, in words: a recogniser on the caller's side of the line. */
export class Listening {
  readonly #leg: CallLeg;
  readonly #stop = new AbortController();
  readonly #words: HeardWords[] = [];
  readonly #waiters = new Set<() => void>();
  readonly #finished: Promise<void>;

  constructor(leg: CallLeg, ear: SpeechToText, { language, hints }: { language: string; hints: readonly string[] }) {
    this.#leg = leg;
    const hearing = ear.open({ rate: CALL_RATE, language, hints, signal: this.#stop.signal });
    const stopFrames = leg.onFrame((frame) => hearing.push(frame));
    const stopEdges = leg.heard.onEdge(({ type }) => {
      if (type === "silence") hearing.finish();
    });
    this.#finished = this.#collect(hearing).finally(() => {
      stopFrames();
      stopEdges();
    });
    // An ear that is lost is told by the step that waits for words.
    this.#finished.catch(() => {});
  }

  /** Finals so far, and the words of the sentence that is being said. */
  get words(): readonly HeardWords[] {
    return this.#words;
  }

  /** Resolves with the phrase that was heard after `sinceMs`; rejects when the signal aborts or the ear is lost. */
  async phrase(
    phrases: readonly string[],
    { sinceMs, signal }: { sinceMs: number; signal: AbortSignal },
  ): Promise<string> {
    for (;;) {
      const said = this.#words.filter(({ atMs }) => atMs >= sinceMs).map((words) => words.text);
      const found = findPhrase(phrases, said.join(" "));
      if (found !== undefined) return found;
      signal.throwIfAborted();
      await Promise.race([this.#change(signal), this.#lost()]);
    }
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#finished.catch(() => {});
  }

  /** Never resolves; rejects when the recogniser has failed or ended. */
  async #lost(): Promise<never> {
    await this.#finished;
    throw new Error("the recogniser has ended");
  }

  async #collect(hearing: Hearing): Promise<void> {
    for await (const { text, final } of hearing.transcripts) {
      if (this.#words.at(-1)?.final === false) this.#words.pop();
      if (text !== "") this.#words.push({ text, final, atMs: this.#leg.nowMs() });
      if (this.#words.length > MAX_UTTERANCES) this.#words.shift();
      for (const wake of this.#waiters) wake();
    }
  }

  #change(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiters.delete(wake);
        signal.removeEventListener("abort", wake);
        resolve();
      };
      this.#waiters.add(wake);
      signal.addEventListener("abort", wake, { once: true });
    });
  }
}

/** The first of the phrases whose words stand in the text one after the other; case and punctuation do not count. */
export function findPhrase(phrases: readonly string[], text: string): string | undefined {
  const heard = ` ${plain(text)} `;
  return phrases.find((phrase) => plain(phrase) !== "" && heard.includes(` ${plain(phrase)} `));
}

const plain = (text: string): string =>
  text
    .toLowerCase()
    .replace(/['’]/g, "")
    .replace(/[^\p{L}\p{N}]+/gu, " ")
    .trim();
