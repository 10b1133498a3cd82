import type { CourseWriter } from "../call/journal.ts";
import type { AsideHeard } from "./aside.ts";
import type { Asked, Exchange, ReplyKind } from "./exchange.ts";
import { History } from "./history.ts";
import { GO_ON } from "./ladder-model.ts";
import { plain } from "./language.ts";
import { Minutes } from "./minutes.ts";
import type { ToolRequest } from "./providers.ts";
import type { Question } from "./question.ts";
import { Replies, type ReplySources } from "./replies.ts";
import type { Reply, Stage, VoicedReply } from "./reply.ts";

export interface SpeakerEvents {
  /** The first frame of a reply is about to be written. As in ReplyEvents. */
  begins(): number;
  audio(): void;
  /** Heard to its end; `tools`: what it asks for. */
  done(tools: readonly ToolRequest[], kind: ReplyKind): void;
  failed(stage: Stage, error: unknown, kind: ReplyKind): void;
}

export interface SpeakerOptions extends ReplySources {
  readonly question: Question;
  readonly journal: CourseWriter | undefined;
  /** Finals that the recogniser still owes. */
  readonly pendingFinals: () => number;
  readonly events: SpeakerEvents;
}

// How much of the agent's own words an echo can bring back, and how far a recogniser's times may be off.
const ECHO_MS = 5_000;
const ECHO_AHEAD_MS = 300;

/** The agent's side: one reply at a time, what was heard of it, and the record of the exchange. */
export class Speaker {
  readonly history: History;
  readonly #options: SpeakerOptions;
  readonly #minutes: Minutes;
  readonly #replies: Replies;
  #exchange: Exchange | undefined;
  /** A reply to the words so far, prepared before the pause has run out. */
  #draft: { readonly question: string; readonly reply: Reply } | undefined;
  #heldAt: number | undefined;
  /** The hold is for a sound that may be none of the caller's. */
  #unsure = false;
  /** A reply that was heard to its end during such a hold. */
  #late: Exchange | undefined;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.history = new History({ prompt: () => options.agent.prompt, limit: options.limits.historyMessages });
    this.#minutes = new Minutes({ ...options, history: this.history });
    this.#replies = new Replies({
      ...options,
      history: this.history,
      exchangeOf: (reply) => (this.#exchange?.reply === reply ? this.#exchange : undefined),
      events: {
        begins: () => options.events.begins(),
        audio: (exchange) => this.#onAudio(exchange),
        done: (exchange) => this.#onDone(exchange),
        failed: (stage, error, kind) => options.events.failed(stage, error, kind),
        dying: (exchange) => {
          this.#draft = { question: GO_ON, reply: this.#replies.rest(exchange) };
        },
        lost: (exchange) => this.#takeOver(exchange),
      },
    });
  }

  get turns(): number {
    return this.#minutes.turns;
  }

  /** The agent's last words were a question. */
  get asked(): boolean {
    return this.#minutes.asked;
  }

  /** Since when the agent is silent for a sound of the caller's. */
  get heldAt(): number | undefined {
    return this.#heldAt;
  }

  get kind(): ReplyKind | undefined {
    return this.#exchange?.kind;
  }

  get resumable(): boolean {
    return (this.#exchange?.resumes ?? 0) < this.#options.limits.resumes;
  }

  /** What an echo would bring back now. */
  get playing(): string {
    const reply = this.#exchange?.reply;
    if (!reply) return "";
    const { heardMs } = reply;
    return reply.spoken.heard(heardMs + ECHO_AHEAD_MS, heardMs - ECHO_MS);
  }

  /** The agent is saying goodbye. */
  get leaving(): boolean {
    const farewells = this.#options.tools.filter(({ farewell }) => farewell).map(({ definition }) => definition.name);
    return this.#exchange?.reply.tools.some(({ name }) => farewells.includes(name)) ?? false;
  }

  /** Starts the model and the voice on the words so far; nothing of it is heard until `answer`. */
  prepare(): void {
    const question = this.#options.question.text;
    if (question === "" || this.#isDrafted(question) || this.#options.dialogue?.alive) return;
    this.dropDraft();
    this.#draft = { question, reply: this.#replies.model(question) };
  }

  /** The same words: a final may have capitals and marks that the partial had not. */
  #isDrafted(question: string): boolean {
    return this.#draft !== undefined && plain(this.#draft.question) === plain(question);
  }

  dropDraft(): void {
    this.#draft?.reply.cancel();
    this.#draft = undefined;
  }

  /** Answers the question, with what was prepared for it if the words are still the same. */
  answer(asked: Asked, before = ""): void {
    const question = this.#options.question.text;
    const draft = this.#isDrafted(question) ? this.#draft?.reply : undefined;
    if (draft) this.#draft = undefined;
    this.dropDraft();
    const owedWords = this.#options.dialogue?.alive ? this.#options.dialogue.owedWords : 0;
    const reply = this.#replies.spoken() ?? draft ?? this.#replies.model(question, before);
    this.#begin("answer", reply, asked, { owedWords });
  }

  /** One of the agent's own sentences, or what is known of a reply that was cut. */
  say(kind: ReplyKind, text: string, asked: Asked, tools: readonly ToolRequest[] = []): void {
    this.dropDraft();
    this.#begin(kind, this.#replies.spoken(text) ?? this.#replies.fixed(text, tools), asked, { text });
  }

  /** What a tool did. */
  result(request: ToolRequest, result: string): void {
    this.#minutes.result(request, result);
    this.#options.dialogue?.result(request, result);
  }

  /** The caller's words, which were answered before they were known. */
  lateWords(text: string): void {
    this.#minutes.lateWords(text, this.#exchange);
  }

  /** Silence in this tick, and the reply stays. `soundAt`: when the caller's sound began. `sure`: it is known to be speech. */
  hold({ soundAt, sure }: { soundAt: number; sure: boolean }): void {
    const now = this.#options.clock.now();
    this.#options.media.hold();
    this.#unsure = !sure;
    this.#heldAt = now;
    if (this.#exchange) this.#exchange.bargeInMs = now - soundAt;
  }

  /** The sound that the agent is silent for is speech. */
  sure(): void {
    this.#unsure = false;
    this.#finishLate();
  }

  /** The sound meant nothing, and not for the first time perhaps. */
  forgive(): void {
    if (this.#exchange) this.#exchange.resumes += 1;
  }

  resume(): void {
    this.#options.media.resume();
    this.#heldAt = undefined;
    this.#unsure = false;
    this.#finishLate();
  }

  #finishLate(): void {
    const late = this.#late;
    this.#late = undefined;
    if (late) this.#onDone(late);
  }

  /** Silence in this tick, and the reply is gone. `interrupted`: the caller took the floor. Returns whether a reply was cut off. */
  cancel({ interrupted }: { interrupted: boolean }): boolean {
    const exchange = this.#exchange;
    const held = this.#heldAt !== undefined;
    const late = this.#late === exchange;
    this.dropDraft();
    this.#exchange = undefined;
    this.#late = undefined;
    this.#heldAt = undefined;
    this.#unsure = false;
    if (exchange && late) this.#minutes.record(exchange, wholeOf(exchange));
    if (!exchange || late) {
      // The reply had just been heard to its end: only the hold is left.
      if (held) this.#options.media.clear();
      return false;
    }
    const heardMs = exchange.reply.cancel();
    if (exchange.startMs === undefined) {
      // Nothing of it was heard: the question is still open, or what was to be said still to be said.
      if (exchange.kind !== "prompt") this.#options.question.owed = exchange.kind;
      this.#reopen(exchange);
      return false;
    }
    const { bargeInMs } = exchange;
    if (interrupted && bargeInMs !== undefined) this.#options.observer.bargeIn(bargeInMs);
    this.#minutes.record(exchange, { heardMs, heardText: exchange.reply.spoken.heard(heardMs), interrupted });
    return interrupted;
  }

  /** What the reply will ask for, as far as it is known. */
  get ahead(): readonly ToolRequest[] {
    return this.#exchange?.reply.tools ?? [];
  }

  /** The caller does already what the reply asks for: the rest of it is not said, and its tools are run. */
  hasten(): void {
    const exchange = this.#exchange;
    const tools = exchange?.reply.tools ?? [];
    if (!exchange || tools.length === 0) return;
    const { spoken } = exchange.reply;
    const whole = this.#late === exchange;
    if (whole) this.#options.media.clear();
    const heardMs = whole ? spoken.ms : exchange.reply.cancel();
    this.#exchange = this.#late = this.#heldAt = undefined;
    this.#unsure = false;
    if (exchange.startMs === undefined) this.#commit(exchange);
    this.#minutes.record(exchange, { heardMs, heardText: spoken.heard(heardMs), interrupted: false, tools });
    this.#options.events.done(tools, exchange.kind);
  }

  /** A sentence that was said between a tool and the caller goes on record, and not to the model. */
  aside(text: string, heard: AsideHeard): void {
    this.#minutes.aside(text, heard);
  }

  /** Words that came while they were being answered wait for an answer again. */
  #reopen({ lateWords: text }: Exchange): void {
    if (text !== "") this.#options.question.words.hear({ text, final: true, startMs: 0, endMs: 0 });
  }

  /** The model that spoke is lost in the middle of its reply, which was heard as far as it came: the others go on with it. */
  #takeOver(exchange: Exchange): void {
    const { kind, asked, text } = exchange;
    const { question, clock } = this.#options;
    this.#exchange = undefined;
    if (exchange.startMs !== undefined) {
      const { spoken } = exchange.reply;
      const rest = this.#draft?.question === GO_ON ? this.#draft.reply : this.#replies.rest(exchange);
      this.#draft = undefined;
      this.#minutes.record(exchange, { heardMs: spoken.ms, heardText: spoken.heard(spoken.ms), interrupted: false });
      const now = clock.now();
      this.#begin(kind, rest, { voicedAt: undefined, decidedAt: now, askedAt: now });
      return;
    }
    this.#reopen(exchange);
    if (text !== undefined) this.say(kind, text, asked);
    // Of what was not understood yet the recogniser gets the sound again: its words ask for the answer.
    else if (question.text !== "") this.answer(asked);
  }

  #begin(
    kind: ReplyKind,
    reply: VoicedReply,
    asked: Asked,
    { text, owedWords = 0 }: { text?: string; owedWords?: number } = {},
  ): void {
    const caller = this.#minutes.begin();
    const said = text === undefined ? {} : { text };
    this.#exchange = { kind, reply, asked, caller, ...said, owedWords, lateWords: "", resumes: 0 };
    reply.release();
  }

  #onAudio(exchange: Exchange): void {
    exchange.startMs = this.#minutes.now();
    this.#commit(exchange);
    this.#minutes.saying(exchange);
    this.#options.events.audio();
  }

  #onDone(exchange: Exchange): void {
    if (this.#unsure) {
      this.#late = exchange;
      return;
    }
    const { reply } = exchange;
    if (exchange.startMs === undefined) this.#commit(exchange);
    this.#exchange = undefined;
    // Whoever starts to speak at that very moment has the floor: then the tools are not asked for.
    const tools = this.#heldAt === undefined ? reply.tools : [];
    if (tools.length < reply.tools.length) reply.refuse?.();
    this.#minutes.record(exchange, { ...wholeOf(exchange), tools });
    this.#options.events.done(tools, exchange.kind);
  }

  /** From the agent's first sound on the question counts as answered. */
  #commit({ caller }: Exchange): void {
    const { question, pendingFinals } = this.#options;
    this.history.caller(caller.text);
    question.answered({ pending: pendingFinals() > 0 });
  }

  /** The caller's last words, which nobody answered any more. */
  close(): void {
    this.cancel({ interrupted: false });
    this.#minutes.close();
  }
}

const wholeOf = ({ reply: { spoken } }: Exchange) => ({
  heardMs: spoken.ms,
  heardText: spoken.text,
  interrupted: false,
});
