import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { ProviderError, type TurnModel } from "../../conversation/providers.ts";
import { Thread } from "../thread.ts";
import { ONNX_RUNTIMES } from "./runtime.ts";
import type { SmartTurnAnswer, SmartTurnData, SmartTurnQuestion } from "./smart-turn-worker.ts";

export interface SmartTurnOptions {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Modules to load, best first. Default: the ONNX runtimes. */
  readonly runtimes?: readonly string[];
}

/** Of languages that are not among them the model was taught nothing (smart-turn v3, its own list). */
const LANGUAGES = "ar bn da de en es fi fr hi id it ja ko mr nb nl no pl pt ru tr uk vi zh".split(" ");

export const smartTurnKnows = (language: string): boolean =>
  LANGUAGES.includes(language.split("-", 1)[0]?.toLowerCase() ?? "");

const NAME = "smart-turn";
// More that wait than this, and the last would be late for certain.
const QUESTIONS = 4;
// A question takes some ten to a hundred milliseconds: a thread that owes an answer for so long hangs.
const HANGS_MS = 10_000;

/** smart-turn v3 in a thread of its own, one for all calls: how likely it is, by the sound alone, that a caller has finished. */
export class SmartTurn implements TurnModel {
  readonly name = NAME;
  readonly #options: SmartTurnOptions;
  readonly #thread: Thread<SmartTurnQuestion, SmartTurnAnswer>;
  readonly #asked = new Map<number, PromiseWithResolvers<number> & { readonly since: number }>();
  #lastId = 0;
  #fault: string | undefined;
  /** When the thread last gave a sign of life, once it has loaded the model. */
  #aliveAt: number | undefined;

  constructor(options: SmartTurnOptions) {
    this.#options = options;
    const { file, bytes, sha256, clock, log, runtimes = ONNX_RUNTIMES } = options;
    this.#thread = new Thread<SmartTurnQuestion, SmartTurnAnswer>({
      script: new URL("./smart-turn-worker", import.meta.url),
      name: NAME,
      data: { file, bytes, sha256, runtimes } satisfies SmartTurnData,
      clock,
      log,
      onMessage: (answer) => this.#onAnswer(answer),
      onDeath: (cause) => this.#onDeath(cause),
    });
    // It loads now, and not when the first caller pauses.
    this.#post(new Int16Array(0), 16_000).catch(() => {});
  }

  async judge(
    sound: { readonly pcm: Int16Array<ArrayBuffer>; readonly rate: number },
    signal: AbortSignal,
  ): Promise<number> {
    if (this.#fault !== undefined) throw new ProviderError(NAME, "missing", this.#fault);
    this.#endHanging();
    if (this.#asked.size >= QUESTIONS) throw new ProviderError(NAME, "overloaded", "too many wait for an answer");
    signal.throwIfAborted();
    const given = Promise.withResolvers<never>();
    const onAbort = (): void => given.reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await Promise.race([this.#post(sound.pcm, sound.rate), given.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** May be called twice. */
  async close(): Promise<void> {
    this.#fail(new ProviderError(NAME, "unreachable", "closed"));
    await this.#thread.close();
  }

  #post(pcm: Int16Array<ArrayBuffer>, rate: number): Promise<number> {
    const id = ++this.#lastId;
    const answer = { ...Promise.withResolvers<number>(), since: this.#options.clock.now() };
    // Whoever gave it up does not hear of it.
    answer.promise.catch(() => {});
    if (!this.#thread.post({ id, pcm, rate }, [pcm.buffer]))
      return Promise.reject(new ProviderError(NAME, "unreachable", "its thread has died too often"));
    this.#asked.set(id, answer);
    return answer.promise;
  }

  #onAnswer(answer: SmartTurnAnswer): void {
    const { log, file, clock } = this.#options;
    this.#aliveAt = clock.now();
    if (answer.type === "ready") log.info({ file }, "the turn model is loaded");
    else if (answer.type === "fault") this.#onFault(answer.problem);
    else {
      const asked = this.#asked.get(answer.id);
      this.#asked.delete(answer.id);
      if (answer.type === "verdict") asked?.resolve(answer.complete);
      else asked?.reject(new ProviderError(NAME, "protocol", answer.problem));
    }
  }

  /** It is told once: the calls go on by the silence rule, until the configuration is loaded again. */
  #onFault(problem: string): void {
    this.#fault = problem;
    this.#options.log.error({ problem }, "the turn model cannot be used: pauses are judged by silence alone");
    this.#fail(new ProviderError(NAME, "missing", problem));
    void this.#thread.close();
  }

  #onDeath(cause: Error): void {
    this.#aliveAt = undefined;
    this.#fail(new ProviderError(NAME, "unreachable", cause.message));
  }

  #fail(error: ProviderError): void {
    for (const { reject } of this.#asked.values()) reject(error);
    this.#asked.clear();
  }

  #endHanging(): void {
    const [oldest] = this.#asked.values();
    if (this.#aliveAt === undefined || !oldest) return;
    if (this.#options.clock.now() - Math.max(oldest.since, this.#aliveAt) < HANGS_MS) return;
    this.#thread.kill(new Error(`no answer for ${HANGS_MS} ms`));
  }
}
