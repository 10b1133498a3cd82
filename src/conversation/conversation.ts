import type { MediaStream } from "../audio/stream.ts";
import type { Clock, Timer } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Leg, Next } from "../call/engine.ts";
import type { Course, CourseWriter } from "../call/journal.ts";
import { Acting } from "./acting.ts";
import type { Agent } from "./agent.ts";
import { collectDigits, keypadOf } from "./collect-digits.ts";
import type { ConversationProviders } from "./conversation-providers.ts";
import { openDialogue, type SpokenDialogue, whileSpoken } from "./dialogue.ts";
import type { Asked, ReplyKind } from "./exchange.ts";
import { type Filler, fillingIn } from "./filler.ts";
import { Floor } from "./floor.ts";
import { humanNext, humanRequest, wantsHuman } from "./human.ts";
import type { Keypad } from "./keypad.ts";
import type { ConversationLimits } from "./limits.ts";
import { Listener } from "./listener.ts";
import { Loudness } from "./loudness.ts";
import type { ConversationObserver } from "./observer.ts";
import { Patience } from "./patience.ts";
import type { Reception } from "./person.ts";
import { ProviderError, type ToolRequest } from "./providers.ts";
import { Question } from "./question.ts";
import type { Stage } from "./reply.ts";
import { Speaker } from "./speaker.ts";
import { inheritLanguage, takeUp } from "./taking-up.ts";
import type { Tongue } from "./tongue.ts";
import { callTools, type MoreTools, type Tool } from "./tools.ts";
import type { TurnEffect, TurnState } from "./turns.ts";
import { Vault } from "./vault.ts";
import { Waiting } from "./waiting.ts";

export interface ConverseOptions {
  readonly media: MediaStream;
  readonly leg: Pick<Leg, "events"> & Partial<Pick<Leg, "sendDtmf" | "id" | "from" | "did" | "to" | "recording">>;
  readonly agent: Agent;
  readonly providers: ConversationProviders;
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: ConversationObserver;
  readonly limits: ConversationLimits;
  /** What the agent may do beyond what every agent may. */
  readonly tools?: MoreTools;
  /** Who is there when the agent transfers. */
  readonly reception?: Reception;
  /** The call is back from a transfer: what the model is told of it, and the caller. */
  readonly returned?: { readonly result: string; readonly text: string };
  /** What is said while an answer takes long. Absent: nothing. */
  readonly filler?: Pick<Filler, "words">;
  /** Which of its languages the agent speaks; `agent`, `providers` and `filler` are this one's then. */
  readonly tongue?: Tongue;
  /** Where it is written down how the conversation goes. */
  readonly journal?: CourseWriter;
  /** What another worker has talked with this caller before it died. */
  readonly before?: Course;
  /** Aborts when the leg is gone. */
  readonly signal: AbortSignal;
}

/**
 * Talks until the caller or the agent is done, and says what comes next. It never rejects: whatever goes wrong here, the menu
 * has the call, with the reason. It closes its ear and its timers, and leaves the media open: the leg owns it.
 */
export const converse = (options: ConverseOptions): Promise<Next> => new Conversation(options).run();

/** The target that takes faxes, where an agent has it. */
const FAX_TARGET = "fax";

/** The conductor: frames, words, keys and replies go to the turn table; what the table says is done here. */
class Conversation {
  readonly #options: ConverseOptions;
  readonly #limits: ConversationLimits;
  readonly #question: Question;
  readonly #speaker: Speaker;
  readonly #floor: Floor;
  readonly #patience: Patience;
  readonly #tools: readonly Tool[];
  readonly #loudness = new Loudness();
  readonly #acting: Acting;
  readonly #vault = new Vault();
  readonly #keypad: Keypad;
  readonly #ended = Promise.withResolvers<Next>();
  readonly #listener: Listener;
  readonly #waiting: Waiting;
  readonly #dialogue: SpokenDialogue | undefined;
  #callTimer: Timer | undefined;
  #opening: Timer | undefined;
  #next: Next | undefined;
  #over = false;
  #prompts = 0;
  #apologies = 0;

  constructor(options: ConverseOptions) {
    const { agent, clock, media, providers } = options;
    const limits = whileSpoken({ ...options.limits, ...agent.limits }, () => this.#dialogue);
    this.#options = options;
    this.#limits = limits;
    this.#tools = [
      ...callTools(agent, options),
      ...collectDigits({ ...options, vault: this.#vault, keypad: () => this.#keypad }),
      ...(options.tools?.({ ...options, vault: this.#vault }) ?? []),
    ];
    this.#keypad = keypadOf({ ...options, limits, speaker: () => this.#speaker, acting: () => this.#acting });
    this.#waiting = new Waiting({ media, clock, afterMs: limits.musicMs, ...fillingIn(options, limits) });
    this.#acting = new Acting({
      ...options,
      tools: this.#tools,
      limits,
      waiting: this.#waiting,
      guard: (run) => this.#guard(run),
      result: (request, text) => this.#speaker.result(request, text),
      leave: (next) => this.#leave(next),
      done: () => this.#floor.take("done"),
    });
    this.#question = new Question({ characters: limits.callerCharacters, digits: limits.digits });
    // Of what was said before a model that speaks itself knows nothing: the three stages go on with such a call.
    if (!options.before)
      this.#dialogue = openDialogue({
        ...options,
        tools: this.#tools,
        question: this.#question,
        onSpeech: () => this.#guard(() => this.#listener.onElsewhere()),
        onLateWords: (text) => this.#guard(() => this.#speaker.lateWords(text)),
      });
    this.#speaker = new Speaker({
      ...options,
      ...(this.#dialogue && { dialogue: this.#dialogue }),
      llm: providers.llm,
      tts: providers.tts,
      tools: this.#tools,
      limits,
      question: this.#question,
      journal: options.journal,
      pendingFinals: () => this.#listener.ear?.pending ?? 0,
      events: {
        begins: () => this.#waiting.giveWay(),
        audio: () => this.#floor.take("audio"),
        done: (tools, kind) => this.#guard(() => this.#onDone(tools, kind)),
        failed: (stage, error, kind) => this.#guard(() => this.#onFailed(stage, error, kind)),
      },
    });
    this.#floor = new Floor({
      clock,
      start: agent.greeting === "" && !options.before ? "listening" : "thinking",
      run: (effect) => this.#guard(this.#effects[effect]),
      onState: (state) => this.#onState(state),
    });
    this.#patience = new Patience({
      ...options,
      floor: this.#floor,
      limits,
      question: this.#question,
      speaker: this.#speaker,
      loudness: this.#loudness,
      ear: () => this.#listener.ear,
    });
    this.#listener = new Listener({
      ...options,
      providers: this.#dialogue?.ear ?? providers,
      limits,
      floor: this.#floor,
      patience: this.#patience,
      question: this.#question,
      speaker: this.#speaker,
      keypad: this.#keypad,
      loudness: this.#loudness,
      guard: (run) => this.#guard(run),
      lost: (error) => {
        options.log.error({ err: error }, "the recogniser is lost");
        this.#leave({ next: "menu", reason: "stt" });
      },
      fax: () => this.#onFax(),
    });
  }

  run(): Promise<Next> {
    const { signal, clock } = this.#options;
    if (signal.aborted) return Promise.resolve({ next: "hangup" });
    signal.addEventListener("abort", this.#onGone, { once: true });
    this.#callTimer = clock.after(this.#limits.callMs, () => this.#leave({ next: "menu", reason: "limit" }));
    this.#guard(() => this.#begin());
    // The greeting's first frame goes first: a cached voice has it in this tick, and opening an ear takes some 20 ms.
    this.#opening = clock.after(0, () => this.#guard(() => this.#listener.open()));
    return this.#ended.promise;
  }

  #begin(): void {
    const { before, agent, clock } = this.#options;
    if (!before) {
      this.#greet();
      return;
    }
    inheritLanguage(this.#options);
    const how = takeUp(before, this.#speaker.history, agent.prompts, { ...this.#options, tools: this.#tools });
    this.#keypad.inherit();
    if (how.type === "ask") {
      this.#onDone(how.tools, "answer");
      return;
    }
    const now = clock.now();
    const asked = { voicedAt: undefined, decidedAt: now, askedAt: now };
    if (how.type === "say") this.#speaker.say(how.kind, how.text, asked, how.tools);
    else {
      this.#question.words.hear({ text: how.question, final: true, startMs: 0, endMs: 0 });
      this.#speaker.answer(asked, how.text);
    }
    this.#waitReply();
  }

  #greet(): void {
    const { greeting } = this.#options.agent;
    if (this.#floor.state === "listening") {
      this.#patience.caller();
      return;
    }
    this.#say("greeting", greeting);
    this.#waitReply();
  }

  // What the replies report.

  #onDone(tools: readonly ToolRequest[], kind: ReplyKind): void {
    if (kind === "answer") this.#apologies = 0;
    const { afterGreeting } = this.#options.agent;
    if (kind === "greeting" && afterGreeting) {
      this.#leave(afterGreeting);
      return;
    }
    this.#acting.asked(tools);
    this.#floor.take(tools.length > 0 ? "tool" : "done");
  }

  #onFailed(stage: Stage, error: unknown, kind: ReplyKind): void {
    this.#options.log.warn({ stage, kind, err: error }, "a reply failed");
    // Without a voice there is nothing to apologise with.
    if (stage === "tts" || kind !== "answer" || this.#apologies >= this.#limits.apologies)
      this.#leave({ next: "menu", reason: stage });
    else this.#floor.take("failed");
  }

  /** A machine is not talked to. */
  #onFax(): void {
    const known = this.#options.agent.targets.includes(FAX_TARGET);
    this.#options.log.info({ target: known }, "a fax machine calls");
    this.#leave(known ? { next: "transfer", target: FAX_TARGET } : { next: "menu", reason: "fax" });
  }

  // What the table says.

  readonly #effects: Readonly<Record<TurnEffect, () => void>> = {
    reply: () => this.#answer(),
    prompt: () => this.#prompt(),
    apologise: () => this.#apologise(),
    act: () => void this.#acting.run(),
    cancel: () => this.#cancel(),
    holdAudio: () => this.#hold(),
    forgive: () => this.#forgive(),
    resumeAudio: () => this.#resume(),
    restartEar: () => this.#unstick(),
    giveBack: () => this.#end(this.#next ?? { next: "menu", reason: "hold" }),
    waitSettle: () => this.#patience.settle(),
    waitVeto: () => this.#patience.veto(),
    waitYield: () => this.#patience.yield(),
    waitJudge: () => this.#patience.judge(),
    waitDigit: () => this.#patience.key(),
    waitCaller: () => this.#patience.caller(),
    waitEar: () => this.#patience.hear(),
    waitReply: () => this.#waitReply(),
    waitTool: () => this.#patience.atMost(this.#acting.longestMs),
    waitHold: () => this.#patience.atMost(this.#limits.holdMs),
  };

  #onState(state: TurnState): void {
    if (state === "acting" || state === "thinking") this.#waiting.begin();
    else if (state !== "speaking") this.#waiting.end();
    if (state === "speaking") this.#keypad.spoken();
    if (state === "settling") this.#patience.pauseOverAt = undefined;
    // What was prepared is for this pause: it is used when the pause is over, and thrown away when the caller goes on.
    if (state !== "settling" && state !== "thinking") this.#speaker.dropDraft();
  }

  #answer(): void {
    const { afterGreeting } = this.#options.agent;
    if (afterGreeting) {
      this.#leave(afterGreeting);
      return;
    }
    const { owed, text } = this.#question;
    const now = this.#options.clock.now();
    const asked = {
      // Keys make no sound that a pause could be counted from.
      voicedAt: this.#question.words.text === "" ? undefined : this.#patience.voicedAt,
      decidedAt: this.#patience.pauseOverAt ?? now,
      askedAt: now,
    };
    if (text !== "") {
      this.#prompts = 0;
      this.#acting.heard();
      this.#patience.reask = false;
    }
    if (this.#speaker.turns >= this.#limits.turns) {
      this.#leave({ next: "menu", reason: "limit" });
      return;
    }
    if (text === "" && owed === "greeting") {
      this.#say("greeting", this.#options.agent.greeting);
      return;
    }
    if (text === "" && owed === "apology") {
      this.#apologise();
      return;
    }
    if (wantsHuman(this.#options.agent, this.#question)) this.#toHuman(asked);
    else this.#speaker.answer(asked);
  }

  #toHuman(asked: Asked): void {
    const { agent } = this.#options;
    const request = humanRequest(agent);
    if (request) this.#speaker.say("answer", agent.prompts.transfer, asked, [request]);
    else this.#leave(humanNext(agent));
  }

  #say(kind: ReplyKind, text: string): void {
    const now = this.#options.clock.now();
    this.#speaker.say(kind, text, { voicedAt: undefined, decidedAt: now, askedAt: now });
  }

  #prompt(): void {
    const text = this.#options.agent.prompts.noInput[this.#prompts];
    this.#prompts += 1;
    this.#patience.reask = false;
    if (text === undefined) this.#leave({ next: "menu", reason: "silence" });
    else this.#say("prompt", text);
  }

  #apologise(): void {
    this.#apologies += 1;
    this.#say("apology", this.#options.agent.prompts.apology);
  }

  #cancel(): void {
    const cut = this.#speaker.cancel({ interrupted: this.#next === undefined });
    if (cut && this.#question.text === "") this.#patience.reask = true;
  }

  #hold(): void {
    const { ear } = this.#listener;
    this.#patience.goOn = false;
    this.#speaker.hold({ soundAt: ear?.soundAt ?? this.#options.clock.now(), sure: ear?.speaking ?? true });
  }

  #forgive(): void {
    this.#question.words.drop();
    // A caller who says "mm-hm" may do so as often as they like.
    if (!this.#patience.goOn) this.#speaker.forgive();
  }

  #resume(): void {
    this.#patience.noisy = this.#listener.ear?.speaking ?? false;
    if (this.#patience.noisy) this.#loudness.ignore();
    this.#speaker.resume();
  }

  #unstick(): void {
    this.#patience.voicedAt = this.#options.clock.now();
    this.#patience.noisy = true;
    this.#loudness.ignore();
    this.#listener.ear?.finish();
  }

  #waitReply(): void {
    this.#floor.wait(this.#limits.replyMs, () => {
      this.#onFailed("llm", new ProviderError("reply", "timeout", "no sound"), this.#speaker.kind ?? "answer");
    });
  }

  // How it ends.

  #leave(next: Next): void {
    if (this.#over) return;
    this.#next ??= next;
    this.#guard(() => this.#floor.take("leave"));
  }

  readonly #onGone = (): void => this.#leave({ next: "hangup" });

  #guard(run: () => void): void {
    if (this.#over) return;
    try {
      run();
    } catch (error) {
      this.#crash(error);
    }
  }

  /** A broken assumption ends this conversation, not the process, and not the call. */
  #crash(error: unknown): void {
    this.#options.log.error({ err: error }, "the conversation failed");
    this.#end(this.#next ?? { next: "menu", reason: "failure" });
  }

  #end(next: Next): void {
    if (this.#over) return;
    this.#over = true;
    this.#options.signal.removeEventListener("abort", this.#onGone);
    this.#callTimer?.cancel();
    this.#opening?.cancel();
    this.#floor.close();
    this.#acting.close();
    this.#vault.clear();
    try {
      this.#waiting.end();
      this.#speaker.close();
      this.#listener.close();
      this.#dialogue?.close();
    } finally {
      this.#ended.resolve(next);
    }
  }
}
