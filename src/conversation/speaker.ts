import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { Agent } from "./agent.ts";
import type { AsideHeard } from "./aside.ts";
import { CourseTeller } from "./course.ts";
import type { SpokenDialogue } from "./dialogue.ts";
import { type Asked, type Exchange, type ReplyKind, turnOf } from "./exchange.ts";
import { History } from "./history.ts";
import { GO_ON } from "./ladder-model.ts";
import { plain } from "./language.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ConversationObserver } from "./observer.ts";
import type { LanguageModel, ReplyPart, TextToSpeech, ToolRequest, Usage } from "./providers.ts";
import type { Question } from "./question.ts";
import { Reply, type ReplyEvents, type Stage, type VoicedReply } from "./reply.ts";
import type { Tool } from "./tools.ts";

export interface SpeakerEvents {
  /** The first frame of a reply is about to be written. As in ReplyEvents. */
  begins(): number;
  audio(): void;
  /** Heard to its end; `tools`: what it asks for. */
  done(tools: readonly ToolRequest[], kind: ReplyKind): void;
  failed(stage: Stage, error: unknown, kind: ReplyKind): void;
}

export interface SpeakerOptions {
  readonly media: MediaStream;
  readonly agent: Agent;
  readonly llm: LanguageModel;
  readonly tts: TextToSpeech;
  readonly tools: readonly Tool[];
  readonly clock: Clock;
  readonly observer: ConversationObserver;
  readonly limits: ConversationLimits;
  readonly question: Question;
  readonly journal: CourseWriter | undefined;
  /** Finals that the recogniser still owes. */
  readonly pendingFinals: () => number;
  /** A model that hears and speaks itself: while it is there, it gives the replies. */
  readonly dialogue?: SpokenDialogue;
  readonly events: SpeakerEvents;
}

// How much of the agent's own words an echo can bring back, and how far a recogniser's times may be off.
const ECHO_MS = 5_000;
const ECHO_AHEAD_MS = 300;

/** The agent's side: one reply at a time, what was heard of it, and the record of the exchange. */
export class Speaker {
  readonly history: History;
  readonly #options: SpeakerOptions;
  readonly #course: CourseTeller;
  readonly #startedAt: number;
  #exchange: Exchange | undefined;
  /** A reply to the words so far, prepared before the pause has run out. */
  #draft: { readonly question: string; readonly reply: Reply } | undefined;
  #heldAt: number | undefined;
  /** The hold is for a sound that may be none of the caller's. */
  #unsure = false;
  /** A reply that was heard to its end during such a hold. */
  #late: Exchange | undefined;
  /** An exchange that is over, but for the caller's words: they are still to come. */
  #unwritten: { readonly exchange: Exchange; write(): void } | undefined;
  /** The agent's last words were a question. */
  asked = false;
  turns = 0;

  constructor(options: SpeakerOptions) {
    this.#options = options;
    this.#startedAt = options.clock.now();
    this.#course = new CourseTeller(options.clock, options.journal);
    this.history = new History({ prompt: () => options.agent.prompt, limit: options.limits.historyMessages });
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
    this.#draft = { question, reply: this.#model(question) };
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
    const reply = this.#spoken() ?? draft ?? this.#model(question, before);
    this.#begin("answer", reply, asked, { owedWords });
  }

  /** One of the agent's own sentences, or what is known of a reply that was cut. */
  say(kind: ReplyKind, text: string, asked: Asked, tools: readonly ToolRequest[] = []): void {
    this.dropDraft();
    this.#begin(kind, this.#spoken(text) ?? this.#reply(() => fixed(text, tools)), asked, { text });
  }

  /** What a tool did. */
  result(request: ToolRequest, result: string): void {
    this.history.tool(request, result);
    this.#course.tool(request, result);
    this.#options.dialogue?.result(request, result);
  }

  /** The caller's words, which were answered before they were known. */
  lateWords(text: string): void {
    const unwritten = this.#unwritten;
    const exchange = unwritten?.exchange ?? this.#exchange;
    if (!exchange || exchange.owedWords === 0) return;
    exchange.owedWords -= 1;
    if (text !== "") {
      this.#options.observer.callerWords(text, true);
      exchange.lateWords = `${exchange.lateWords} ${text}`.trim();
      exchange.caller = { ...exchange.caller, text: `${exchange.caller.text} ${text}`.trim() };
      if (exchange.startMs !== undefined) this.history.caller(text);
    }
    if (exchange.owedWords === 0) this.#write();
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
    this.#onDone(late);
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
    if (exchange && late) this.#record(exchange, wholeOf(exchange));
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
    this.#record(exchange, { heardMs, heardText: exchange.reply.spoken.heard(heardMs), interrupted });
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
    this.#record(exchange, { heardMs, heardText: spoken.heard(heardMs), interrupted: false, tools });
    this.#options.events.done(tools, exchange.kind);
  }

  /** A sentence that was said between a tool and the caller goes on record, and not to the model. */
  aside(text: string, { startedAt, heardMs, heardText, cut }: AsideHeard): void {
    const now = this.#options.clock.now();
    const agent = { text, startMs: this.#since(startedAt ?? now), heardMs, heardText };
    const caller = { text: "", startMs: this.#since(startedAt ?? now) };
    this.#options.observer.turn({ index: this.turns, caller, agent, tools: [], latency: {}, interrupted: cut });
    this.turns += 1;
  }

  #model(question: string, before = ""): Reply {
    const { llm, tools } = this.#options;
    const definitions = tools.map(({ definition }) => definition);
    const messages = this.history.messages(question);
    const source = (signal: AbortSignal) => llm.reply(messages, { tools: definitions, signal, onUsage: this.#onUsage });
    return this.#reply(before === "" ? source : (signal) => after(before, source(signal)));
  }

  /** Words that came while they were being answered wait for an answer again. */
  #reopen({ lateWords: text }: Exchange): void {
    if (text !== "") this.#options.question.words.hear({ text, final: true, startMs: 0, endMs: 0 });
  }

  /** A reply of the model that speaks itself, while there is one. */
  #spoken(say?: string): VoicedReply | undefined {
    const { dialogue, media, clock, limits } = this.#options;
    const alive = (): Exchange | undefined => (this.#exchange?.reply === reply ? this.#exchange : undefined);
    const reply = dialogue?.reply({
      ...(say !== undefined && { say }),
      wordsFor: this.#wordsFor,
      media,
      clock,
      stallMs: limits.stallMs,
      events: {
        ...this.#replyEvents(alive),
        dying: () => {
          const exchange = alive();
          if (exchange) this.#draft = { question: GO_ON, reply: this.#rest(exchange) };
        },
        lost: () => this.#takeOver(alive()),
      },
    });
    return reply;
  }

  /** The model that spoke is lost in the middle of its reply, which was heard as far as it came: the others go on with it. */
  #takeOver(exchange: Exchange | undefined): void {
    if (!exchange) return;
    const { kind, asked, text } = exchange;
    const { question, clock } = this.#options;
    this.#exchange = undefined;
    if (exchange.startMs !== undefined) {
      const { spoken } = exchange.reply;
      const rest = this.#draft?.question === GO_ON ? this.#draft.reply : this.#rest(exchange);
      this.#draft = undefined;
      this.#record(exchange, { heardMs: spoken.ms, heardText: spoken.heard(spoken.ms), interrupted: false });
      const now = clock.now();
      this.#begin(kind, rest, { voicedAt: undefined, decidedAt: now, askedAt: now });
      return;
    }
    this.#reopen(exchange);
    if (text !== undefined) this.say(kind, text, asked);
    // Of what was not understood yet the recogniser gets the sound again: its words ask for the answer.
    else if (question.text !== "") this.answer(asked);
  }

  #rest({ reply: { spoken }, text }: Exchange): Reply {
    const heard = spoken.heard(spoken.ms);
    if (text !== undefined) {
      const said = heard.split(" ").filter((word) => word !== "").length;
      return this.#reply(() => fixed(text.split(" ").slice(said).join(" "), []));
    }
    const { llm } = this.#options;
    const messages = this.history.messages();
    const asked = [...messages, { role: "assistant", content: heard }, { role: "user", content: GO_ON }] as const;
    return this.#reply((signal) => llm.reply(asked, { tools: [], signal, onUsage: this.#onUsage }));
  }

  readonly #wordsFor = ({ name }: ToolRequest): string | undefined =>
    this.#options.tools.find(({ definition }) => definition.name === name)?.words;

  #replyEvents(alive: () => Exchange | undefined): Pick<ReplyEvents, "begins" | "audio" | "words" | "done"> {
    const { events, observer } = this.#options;
    return {
      begins: () => events.begins(),
      audio: () => this.#onAudio(alive()),
      words: (text) => observer.agentWords(text),
      done: () => this.#onDone(alive()),
    };
  }

  #reply(source: (signal: AbortSignal) => AsyncIterable<ReplyPart>): Reply {
    const { tts, media, clock, agent, limits, events } = this.#options;
    const alive = (): Exchange | undefined => (this.#exchange?.reply === reply ? this.#exchange : undefined);
    const reply = new Reply({
      source,
      wordsFor: this.#wordsFor,
      tts,
      voice: agent.voice,
      language: agent.language,
      media,
      clock,
      stallMs: limits.stallMs,
      maxCharacters: limits.replyCharacters,
      events: {
        ...this.#replyEvents(alive),
        usage: this.#onUsage,
        failed: (stage, error) => {
          const exchange = alive();
          if (exchange) events.failed(stage, error, exchange.kind);
        },
      },
    });
    return reply;
  }

  readonly #onUsage = (usage: Usage): void => this.#options.observer.usage?.(usage);

  #begin(
    kind: ReplyKind,
    reply: VoicedReply,
    asked: Asked,
    { text, owedWords = 0 }: { text?: string; owedWords?: number } = {},
  ): void {
    const { question } = this.#options;
    // The words of the exchange before have not come by now: it goes on record without.
    this.#write();
    const caller = { text: question.text, startMs: this.#since(question.startedAt ?? this.#options.clock.now()) };
    const said = text === undefined ? {} : { text };
    this.#exchange = { kind, reply, asked, caller, ...said, owedWords, lateWords: "", resumes: 0 };
    this.#course.asked(caller.text);
    reply.release();
  }

  #onAudio(exchange: Exchange | undefined): void {
    if (!exchange) return;
    exchange.startMs = this.#since(this.#options.clock.now());
    this.#commit(exchange);
    this.#course.saying(exchange.kind, exchange.reply);
    this.#options.events.audio();
  }

  #onDone(exchange: Exchange | undefined): void {
    if (!exchange) return;
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
    this.#record(exchange, { ...wholeOf(exchange), tools });
    this.#options.events.done(tools, exchange.kind);
  }

  /** From the agent's first sound on the question counts as answered. */
  #commit({ caller }: Exchange): void {
    const { question, pendingFinals } = this.#options;
    this.history.caller(caller.text);
    question.answered({ pending: pendingFinals() > 0 });
  }

  #record(
    exchange: Exchange,
    heard: { heardMs: number; heardText: string; interrupted: boolean; tools?: readonly ToolRequest[] },
  ): void {
    this.#course.heard(heard.heardText, heard.tools ?? []);
    this.asked = heard.heardText.trimEnd().endsWith("?");
    const index = this.turns;
    this.turns += 1;
    const write = (): void => {
      this.history.agent(heard.heardText, heard.tools);
      this.#options.observer.turn(turnOf(exchange, { index, ...heard }));
    };
    // A tool's result follows its request at once, whatever words are still to come.
    if (exchange.owedWords > 0 && (heard.tools ?? []).length === 0) this.#unwritten = { exchange, write };
    else write();
  }

  #write(): void {
    const unwritten = this.#unwritten;
    this.#unwritten = undefined;
    unwritten?.write();
  }

  /** The caller's last words, which nobody answered any more. */
  close(): void {
    const { question, observer } = this.#options;
    this.cancel({ interrupted: false });
    this.#write();
    this.#course.close();
    if (question.text === "") return;
    const caller = { text: question.text, startMs: this.#since(question.startedAt ?? this.#options.clock.now()) };
    observer.turn({ index: this.turns, caller, tools: [], latency: {}, interrupted: false });
  }

  #since(now: number): number {
    return Math.round(now - this.#startedAt);
  }
}

const wholeOf = ({ reply: { spoken } }: Exchange) => ({
  heardMs: spoken.ms,
  heardText: spoken.text,
  interrupted: false,
});

async function* fixed(text: string, tools: readonly ToolRequest[]): AsyncGenerator<ReplyPart> {
  yield { type: "text", text };
  for (const tool of tools) yield { type: "tool", ...tool };
}

/** The same, with words of our own before it. */
async function* after(text: string, parts: AsyncIterable<ReplyPart>): AsyncGenerator<ReplyPart> {
  yield { type: "text", text: `${text} ` };
  yield* parts;
}
