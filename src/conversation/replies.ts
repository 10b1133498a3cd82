import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import type { Agent } from "./agent.ts";
import type { SpokenDialogue } from "./dialogue.ts";
import type { Exchange, ReplyKind } from "./exchange.ts";
import type { History } from "./history.ts";
import { GO_ON } from "./ladder-model.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ConversationObserver } from "./observer.ts";
import type { LanguageModel, ReplyPart, TextToSpeech, ToolRequest, Usage } from "./providers.ts";
import { Reply, type ReplyEvents, type Stage, type VoicedReply } from "./reply.ts";
import type { Tool } from "./tools.ts";

/** As in ReplyEvents; told of a reply only while it is the exchange's. */
export interface RepliesEvents {
  begins(): number;
  audio(exchange: Exchange): void;
  done(exchange: Exchange): void;
  failed(stage: Stage, error: unknown, kind: ReplyKind): void;
  /** The model that speaks itself is about to be lost, or was, in the middle of this exchange. */
  dying(exchange: Exchange): void;
  lost(exchange: Exchange): void;
}

/** What replies are made of. */
export interface ReplySources {
  readonly media: MediaStream;
  readonly agent: Agent;
  readonly llm: LanguageModel;
  readonly tts: TextToSpeech;
  readonly tools: readonly Tool[];
  readonly clock: Clock;
  readonly observer: ConversationObserver;
  readonly limits: ConversationLimits;
  /** A model that hears and speaks itself: while it is there, it gives the replies. */
  readonly dialogue?: SpokenDialogue;
}

export interface RepliesOptions extends ReplySources {
  readonly history: History;
  /** The exchange that this reply is given in, as long as it is. */
  readonly exchangeOf: (reply: VoicedReply) => Exchange | undefined;
  readonly events: RepliesEvents;
}

/** Where the agent's replies come from: the model, a model that speaks itself, or words that are known. None is heard before its `release`. */
export class Replies {
  readonly #options: RepliesOptions;

  constructor(options: RepliesOptions) {
    this.#options = options;
  }

  /** The model's answer, after words of our own. */
  model(question: string, before = ""): Reply {
    const { llm, tools, history } = this.#options;
    const definitions = tools.map(({ definition }) => definition);
    const messages = history.messages(question);
    const source = (signal: AbortSignal) => llm.reply(messages, { tools: definitions, signal, onUsage: this.#onUsage });
    return this.#reply(before === "" ? source : (signal) => after(before, source(signal)));
  }

  fixed(text: string, tools: readonly ToolRequest[]): Reply {
    return this.#reply(() => fixed(text, tools));
  }

  /** A reply of the model that speaks itself, while there is one. `say`: its words, where they are known. */
  spoken(say?: string): VoicedReply | undefined {
    const { dialogue, media, clock, limits, events } = this.#options;
    const reply: VoicedReply | undefined = dialogue?.reply({
      ...(say !== undefined && { say }),
      wordsFor: this.#wordsFor,
      media,
      clock,
      stallMs: limits.stallMs,
      events: {
        ...this.#events(() => reply),
        dying: () => this.#ifGiven(reply, events.dying),
        lost: () => this.#ifGiven(reply, events.lost),
      },
    });
    return reply;
  }

  /** What is left of an exchange's reply, by the model that is asked to go on, or of the words that were known. */
  rest({ reply: { spoken }, text }: Exchange): Reply {
    const heard = spoken.heard(spoken.ms);
    if (text !== undefined) {
      const said = heard.split(" ").filter((word) => word !== "").length;
      return this.fixed(text.split(" ").slice(said).join(" "), []);
    }
    const { llm, history } = this.#options;
    const messages = history.messages();
    const asked = [...messages, { role: "assistant", content: heard }, { role: "user", content: GO_ON }] as const;
    return this.#reply((signal) => llm.reply(asked, { tools: [], signal, onUsage: this.#onUsage }));
  }

  #reply(source: (signal: AbortSignal) => AsyncIterable<ReplyPart>): Reply {
    const { tts, media, clock, agent, limits, events } = this.#options;
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
        ...this.#events(() => reply),
        usage: this.#onUsage,
        failed: (stage, error) => this.#ifGiven(reply, ({ kind }) => events.failed(stage, error, kind)),
      },
    });
    return reply;
  }

  #events(reply: () => VoicedReply | undefined): Pick<ReplyEvents, "begins" | "audio" | "words" | "done"> {
    const { events, observer } = this.#options;
    return {
      begins: () => events.begins(),
      audio: () => this.#ifGiven(reply(), events.audio),
      words: (text) => observer.agentWords(text),
      done: () => this.#ifGiven(reply(), events.done),
    };
  }

  #ifGiven(reply: VoicedReply | undefined, tell: (exchange: Exchange) => void): void {
    const exchange = reply && this.#options.exchangeOf(reply);
    if (exchange) tell(exchange);
  }

  readonly #wordsFor = ({ name }: ToolRequest): string | undefined =>
    this.#options.tools.find(({ definition }) => definition.name === name)?.words;

  readonly #onUsage = (usage: Usage): void => this.#options.observer.usage?.(usage);
}

async function* fixed(text: string, tools: readonly ToolRequest[]): AsyncGenerator<ReplyPart> {
  yield { type: "text", text };
  for (const tool of tools) yield { type: "tool", ...tool };
}

/** The same, with words of our own before it. */
async function* after(text: string, parts: AsyncIterable<ReplyPart>): AsyncGenerator<ReplyPart> {
  yield { type: "text", text: `${text} ` };
  yield* parts;
}
