import type { Clock } from "../base/clock.ts";
import { abortable, OVER } from "../base/signals.ts";
import {
  type Answering,
  connectFirst,
  firstToAnswer,
  isGrave,
  type LadderOptions,
  leave,
  peekNext,
  type Rung,
  Standing,
} from "./ladder.ts";
import { Overlap } from "./overlap.ts";
import { type LanguageModel, type Message, ProviderError, type ReplyPart } from "./providers.ts";
import { Sentences } from "./sentences.ts";

type ModelRung = Rung<LanguageModel>;
type ReplyOptions = Parameters<LanguageModel["reply"]>[1];

/** What a model is told that goes on where another one died. */
export const GO_ON =
  "(The line was cut after your last words. Go on with the very next word of that answer. Repeat nothing and do not apologise.)";

// Nobody hears it: the conversation sees that somebody is at it.
const ALIVE: ReplyPart = { type: "text", text: "" };

/**
 * Several models that answer as one. A model that dies in the middle of its answer is followed by the next, which is told what was
 * said of it so far. Text goes out clause by clause while there is somebody to follow: half a clause of the one and half of the
 * other would be nobody's sentence.
 */
export class LadderModel implements LanguageModel {
  readonly name: string;
  readonly #options: LadderOptions<LanguageModel>;
  readonly #standing: Standing<LanguageModel>;

  constructor(options: LadderOptions<LanguageModel>) {
    this.#options = options;
    this.#standing = new Standing("llm", options);
    this.name = options.rungs[0]?.name ?? "llm";
  }

  async *reply(messages: readonly Message[], options: ReplyOptions): AsyncGenerator<ReplyPart> {
    const { rungs, clock, limits } = this.#options;
    const { signal } = options;
    const candidates = [...rungs];
    let said = "";
    for (;;) {
      const asked = goOn(messages, said);
      const answering = await firstToAnswer<LanguageModel, ReplyPart>({
        ...this.#options,
        stage: "llm",
        onStep: this.#standing.step,
        candidates,
        signal,
        open: ({ provider }, inner) => provider.reply(asked, { ...options, signal: inner }),
        counts: (part) => part.type === "tool" || part.text !== "",
      });
      if (!answering) return;
      this.#standing.took(answering.rung);
      const relay = new Relay(answering, { clock, said, candidates, stallMs: limits.stallMs, signal });
      yield* relay.parts();
      if (!relay.failure) return;
      said = relay.said;
      const { error } = relay.failure;
      const next = peekNext(candidates);
      this.#standing.failed(answering.rung, error, next);
      // What a tool does must not be done twice: the answer ends here, and the next question goes to somebody else.
      if (relay.askedForTools) return;
      if (next === undefined) throw error;
    }
  }

  connect(options: { signal: AbortSignal }): Promise<void> {
    return connectFirst(this.#options.rungs, ({ provider }) => provider.connect?.(options));
  }

  /** Each provider is closed by whoever made it. */
  async close(): Promise<void> {}
}

const goOn = (messages: readonly Message[], said: string): readonly Message[] =>
  said === "" ? messages : [...messages, { role: "assistant", content: said }, { role: "user", content: GO_ON }];

interface RelayOptions {
  readonly clock: Clock;
  readonly said: string;
  readonly candidates: readonly ModelRung[];
  readonly stallMs: number;
  readonly signal: AbortSignal;
}

/** One model's part of an answer, from its first word on. */
class Relay {
  readonly #from: Answering<LanguageModel, ReplyPart>;
  readonly #options: RelayOptions;
  readonly #overlap: Overlap | undefined;
  readonly #sentences = new Sentences();
  /** Everything that the caller will hear of the answer, whoever gave it. */
  said: string;
  askedForTools = false;
  failure: { readonly error: unknown } | undefined;

  constructor(from: Answering<LanguageModel, ReplyPart>, options: RelayOptions) {
    this.#from = from;
    this.#options = options;
    this.said = options.said;
    this.#overlap = options.said === "" ? undefined : new Overlap(options.said);
  }

  async *parts(): AsyncGenerator<ReplyPart> {
    const { signal } = this.#options;
    const { abort, permit, parts } = this.#from;
    const onAbort = (): void => abort.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      yield ALIVE;
      for (let part: ReplyPart | undefined = this.#from.first; part; part = await this.#next()) yield* this.#pass(part);
      yield* this.#say(this.#sentences.end());
      permit.ok();
    } catch (error) {
      // Whoever is talked over has answered.
      if (signal.aborted) permit.ok();
      else {
        permit.failed({ grave: isGrave(error) });
        this.failure = { error };
      }
      abort.abort(error);
    } finally {
      // Left early by whoever listens: long answers are cut.
      permit.ok();
      signal.removeEventListener("abort", onAbort);
      abort.abort(OVER);
      leave(parts);
    }
  }

  *#pass(part: ReplyPart): Generator<ReplyPart> {
    if (part.type === "tool") {
      // The words before a tool are said before it.
      yield* this.#say(this.#sentences.end());
      this.askedForTools = true;
      yield part;
    } else if (this.#whole) {
      this.said += part.text;
      yield part;
    } else {
      const pieces = this.#sentences.push(part.text);
      yield* this.#say(pieces);
      if (pieces.length === 0) yield ALIVE;
    }
  }

  /** Nobody could follow, and there is nothing to take out: the text goes on as it comes. */
  get #whole(): boolean {
    return this.#overlap === undefined && this.#options.candidates.length === 0;
  }

  *#say(pieces: readonly string[]): Generator<ReplyPart> {
    for (const piece of pieces) {
      const text = this.#overlap?.strip(piece) ?? piece;
      if (text === "") continue;
      this.said = `${this.said} ${text}`.trim();
      yield { type: "text", text: `${text} ` };
    }
  }

  /** Undefined: the answer is complete. */
  async #next(): Promise<ReplyPart | undefined> {
    const { clock, stallMs, candidates } = this.#options;
    const { rung, parts, abort } = this.#from;
    const stalled = (): void =>
      abort.abort(new ProviderError(rung.name, "timeout", `silent for ${stallMs} ms in the middle of an answer`));
    const timer = candidates.length > 0 ? clock.after(stallMs, stalled) : undefined;
    try {
      const part = await abortable(parts.next(), abort.signal);
      return part.done ? undefined : part.value;
    } finally {
      timer?.cancel();
    }
  }
}
