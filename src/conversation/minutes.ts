import type { Clock } from "../base/clock.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { AsideHeard } from "./aside.ts";
import { CourseTeller } from "./course.ts";
import { type Ended, type Exchange, turnOf } from "./exchange.ts";
import type { History } from "./history.ts";
import type { ConversationObserver } from "./observer.ts";
import type { ToolRequest } from "./providers.ts";
import type { Question } from "./question.ts";
import type { Utterance } from "./turn.ts";

/** What the caller heard of a reply, and what it asks for. */
export interface HeardReply extends Omit<Ended, "index"> {
  readonly tools?: readonly ToolRequest[];
}

export interface MinutesOptions {
  readonly history: History;
  readonly observer: ConversationObserver;
  readonly journal: CourseWriter | undefined;
  readonly question: Question;
  readonly clock: Clock;
}

/** What of each exchange is written down: to the model's history, for whoever observes, and for whoever would go on with the call. */
export class Minutes {
  readonly #options: MinutesOptions;
  readonly #course: CourseTeller;
  readonly #startedAt: number;
  #turns = 0;
  #asked = false;
  /** An exchange that is over, but for the caller's words: they are still to come. */
  #unwritten: { readonly exchange: Exchange; write(): void } | undefined;

  constructor(options: MinutesOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#course = new CourseTeller(options.clock, options.journal);
  }

  get turns(): number {
    return this.#turns;
  }

  /** The agent's last words were a question. */
  get asked(): boolean {
    return this.#asked;
  }

  /** The conversation's time, in whole ms. */
  now(): number {
    return this.#since(this.#options.clock.now());
  }

  /** The caller's words, as they are answered now. Of the exchange before no more words have come: it goes on record without. */
  begin(): Utterance {
    this.#write();
    const caller = this.#caller();
    this.#course.asked(caller.text);
    return caller;
  }

  /** The reply's first frame is on its way. */
  saying({ kind, reply }: Exchange): void {
    this.#course.saying(kind, reply);
  }

  record(exchange: Exchange, heard: HeardReply): void {
    const { history, observer } = this.#options;
    const { heardText, tools = [] } = heard;
    this.#course.heard(heardText, tools);
    this.#asked = heardText.trimEnd().endsWith("?");
    const index = this.#turns++;
    const write = (): void => {
      history.agent(heardText, heard.tools);
      observer.turn(turnOf(exchange, { index, ...heard }));
    };
    // A tool's result follows its request at once, whatever words are still to come.
    if (exchange.owedWords > 0 && tools.length === 0) this.#unwritten = { exchange, write };
    else write();
  }

  /** What a tool did. */
  result(request: ToolRequest, result: string): void {
    this.#options.history.tool(request, result);
    this.#course.tool(request, result);
  }

  /** The caller's words, which were answered before they were known. `current`: the exchange that goes on. */
  lateWords(text: string, current: Exchange | undefined): void {
    const exchange = this.#unwritten?.exchange ?? current;
    if (!exchange || exchange.owedWords === 0) return;
    exchange.owedWords -= 1;
    if (text !== "") {
      this.#options.observer.callerWords(text, true);
      exchange.lateWords = `${exchange.lateWords} ${text}`.trim();
      exchange.caller = { ...exchange.caller, text: `${exchange.caller.text} ${text}`.trim() };
      if (exchange.startMs !== undefined) this.#options.history.caller(text);
    }
    if (exchange.owedWords === 0) this.#write();
  }

  /** A sentence that was said between a tool and the caller goes on record, and not to the model. */
  aside(text: string, { startedAt, heardMs, heardText, cut }: AsideHeard): void {
    const startMs = this.#since(startedAt ?? this.#options.clock.now());
    const [caller, agent] = [
      { text: "", startMs },
      { text, startMs, heardMs, heardText },
    ];
    const index = this.#turns++;
    this.#options.observer.turn({ index, caller, agent, tools: [], latency: {}, interrupted: cut });
  }

  /** The caller's last words, which nobody answered any more. */
  close(): void {
    const { question, observer } = this.#options;
    this.#write();
    this.#course.close();
    if (question.text === "") return;
    observer.turn({ index: this.#turns, caller: this.#caller(), tools: [], latency: {}, interrupted: false });
  }

  #caller(): Utterance {
    const { question, clock } = this.#options;
    return { text: question.text, startMs: this.#since(question.startedAt ?? clock.now()) };
  }

  #write(): void {
    const unwritten = this.#unwritten;
    this.#unwritten = undefined;
    unwritten?.write();
  }

  #since(atMs: number): number {
    return Math.round(atMs - this.#startedAt);
  }
}
