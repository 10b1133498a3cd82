import { silentLog } from "../../src/base/log.ts";
import type { Next } from "../../src/call/engine.ts";
import { type Course, type CourseEvent, courseOf } from "../../src/call/journal.ts";
import { type Agent, defineAgent } from "../../src/conversation/agent.ts";
import type { TurnChoice } from "../../src/conversation/completeness.ts";
import { converse } from "../../src/conversation/conversation.ts";
import type { SpeechChoice } from "../../src/conversation/dialogue.ts";
import { type ConversationLimits, defaultLimits } from "../../src/conversation/limits.ts";
import type { Reception } from "../../src/conversation/person.ts";
import type { Usage } from "../../src/conversation/providers.ts";
import type { Tongue } from "../../src/conversation/tongue.ts";
import type { MoreTools } from "../../src/conversation/tools.ts";
import type { Turn } from "../../src/conversation/turn.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { FakeModel } from "../fakes/model.ts";
import { FakeVoice } from "../fakes/voice.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const WORD_MS = 240;

/** A whole conversation in virtual time: what the caller does, and what reached the caller's ear. */
export class PhoneCall {
  readonly clock = new VirtualClock();
  readonly media = new FakeMedia(this.clock);
  readonly leg = new FakeLeg({ media: async () => this.media });
  readonly vad = new FakeVoiceActivity();
  readonly ear = new FakeEar(this.clock);
  readonly model = new FakeModel(this.clock);
  readonly voice = new FakeVoice(this.clock);
  /** Where the agent has a model that hears and speaks itself. */
  speech: SpeechChoice | undefined;
  /** Where a model judges by their sound whether turns are over. */
  turn: TurnChoice | undefined;
  readonly callerWords: string[] = [];
  readonly turns: Turn[] = [];
  readonly bargeIns: number[] = [];
  /** Where the record takes notes. */
  note: ((text: string) => boolean) | undefined;
  /** The keys that went on record. */
  readonly keys: string[] = [];
  /** What the agent may do beyond what every agent may. */
  tools: MoreTools | undefined;
  /** Who is there, and what is spoken to them. */
  reception: Reception | undefined;
  readonly usage: Usage[] = [];
  /** Which of its languages the agent speaks. */
  tongue: Tongue | undefined;
  readonly languages: string[] = [];
  /** What a journal would hold by now. */
  readonly journalled: CourseEvent[] = [];
  /** What another worker has left of this call. */
  before: Course | undefined;
  next: Next | undefined;
  #ended: Promise<void> | undefined;

  async start(agent: Partial<Agent> = {}, limits: Partial<ConversationLimits> = {}): Promise<this> {
    const ended = converse({
      media: this.media,
      leg: this.leg,
      agent: defineAgent({
        name: "test",
        greeting: "Hello, this is the clinic.",
        pauseMs: 600,
        targets: ["sales", "support"],
        ...agent,
      }),
      providers: {
        vad: this.vad,
        stt: this.ear,
        llm: this.model,
        tts: this.voice,
        ...(this.speech && { speech: this.speech }),
        ...(this.turn && { turn: this.turn }),
      },
      clock: this.clock,
      log: silentLog,
      observer: {
        callerWords: (text, final) => void (final && this.callerWords.push(text)),
        agentWords: () => {},
        bargeIn: (ms) => void this.bargeIns.push(ms),
        turn: (turn) => void this.turns.push(turn),
        key: (digit) => void this.keys.push(digit),
        ...(this.note && { note: this.note }),
        usage: (usage) => void this.usage.push(usage),
        language: (language) => void this.languages.push(language),
      },
      limits: { ...defaultLimits, ...limits },
      journal: { write: (event) => void this.journalled.push(event), end: () => undefined },
      ...(this.before && { before: this.before }),
      ...(this.tongue && {
        tongue: this.tongue,
        agent: this.tongue.agent,
        providers: this.tongue.providers,
        filler: this.tongue.filler,
      }),
      ...(this.tools && { tools: this.tools }),
      ...(this.reception && { reception: this.reception }),
      signal: this.leg.signal,
    });
    this.#ended = ended.then((next) => {
      this.next = next;
    });
    await this.clock.advance(0);
    return this;
  }

  /** The worker dies in this moment: what the next one finds. */
  killed(): Course {
    return courseOf("test", this.journalled);
  }

  /** Says the words at the pace of a caller; returns when the last one is over. */
  async say(text: string): Promise<number> {
    for (const word of text.split(" ")) {
      this.media.sound(WORD_MS);
      await this.clock.advance(WORD_MS);
      this.ear.hear(word);
    }
    return this.clock.now();
  }

  /** Presses keys, one every `everyMs`. */
  async press(keys: string, everyMs = 200): Promise<void> {
    for (const key of keys) {
      this.leg.press(key);
      await this.clock.advance(everyMs);
    }
  }

  /** A sound without words. */
  async noise(ms: number, level?: number): Promise<void> {
    this.media.sound(ms, level);
    await this.clock.advance(ms);
  }

  wait(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  /** Lets time pass until the agent has been silent for `ms`, at most a minute. */
  async quiet(ms = 400): Promise<void> {
    for (let waited = 0; waited < 60_000 && this.next === undefined; waited += 20) {
      await this.clock.advance(20);
      if (this.clock.now() - (this.media.heard.at(-1)?.atMs ?? 0) >= ms) return;
    }
  }

  /** Every word the caller heard, even in part, since `fromMs`. */
  heard(fromMs = 0): string {
    const words: string[] = [];
    let last: number | undefined;
    for (const { atMs, sample } of this.media.heard) {
      if (atMs < fromMs || sample === last) continue;
      last = sample;
      words.push(this.voice.wordAt(sample) ?? "?");
    }
    return words.join(" ");
  }

  /** When the agent was first heard after `ms`. */
  soundAfter(ms: number): number | undefined {
    return this.media.heard.find(({ atMs }) => atMs > ms)?.atMs;
  }

  /** From `ms` to the agent's first sound; endless while there is none. */
  latency(ms: number): number {
    return (this.soundAfter(ms) ?? Number.POSITIVE_INFINITY) - ms;
  }

  get lastHeardAt(): number {
    return this.media.heard.at(-1)?.atMs ?? 0;
  }

  /** Hangs up if need be, and sees that nothing is left behind. Returns the number of timers that are. */
  async end(): Promise<number> {
    if (this.next === undefined) this.leg.hangUp();
    await this.clock.advance(1_000);
    await this.#ended;
    this.media.close();
    this.leg.hangUp();
    await this.clock.advance(100);
    return this.clock.pending;
  }
}
