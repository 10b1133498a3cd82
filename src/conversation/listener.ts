import type { Frame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Leg, LegEvent } from "../call/engine.ts";
import type { Agent } from "./agent.ts";
import { Ear } from "./ear.ts";
import type { Floor } from "./floor.ts";
import { takesFloor } from "./judge.ts";
import type { ConversationLimits } from "./limits.ts";
import type { Loudness } from "./loudness.ts";
import type { ConversationObserver } from "./observer.ts";
import type { Patience } from "./patience.ts";
import type { SpeechToText, Transcript, VoiceActivity } from "./providers.ts";
import type { Question } from "./question.ts";
import type { Speaker } from "./speaker.ts";
import type { TurnState } from "./turns.ts";

export interface ListenerOptions {
  readonly media: MediaStream;
  readonly leg: Pick<Leg, "events">;
  readonly agent: Agent;
  readonly providers: { readonly vad: VoiceActivity; readonly stt: SpeechToText };
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: ConversationObserver;
  readonly limits: ConversationLimits;
  readonly floor: Floor;
  readonly patience: Patience;
  readonly question: Question;
  readonly speaker: Speaker;
  readonly loudness: Loudness;
  /** Runs what may throw, and ends the conversation when it does. */
  readonly guard: (run: () => void) => void;
  /** The recogniser was lost too often. */
  readonly lost: (error: unknown) => void;
}

/** The caller's side: frames, words and keys become inputs of the turn table. What means nothing does not get that far. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #onFrame = (): void => this.#hear();
  #frame: Frame | undefined;
  #closed = false;
  ear: Ear | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** Opens the ear and listens, to frames and to the leg's events. */
  open(): void {
    const { providers, media, agent, clock, log, limits, guard, lost } = this.#options;
    this.ear = new Ear({
      ...providers,
      rate: media.rate,
      language: agent.language,
      hints: agent.hints,
      clock,
      log,
      limits,
      events: {
        edge: (edge) => this.#onEdge(edge),
        transcript: (transcript) => guard(() => this.#onTranscript(transcript)),
        restarted: () => guard(() => this.#onRestarted()),
        lost,
      },
    });
    media.onFrame((frame) => {
      this.#frame = frame;
      guard(this.#onFrame);
    });
    void this.#readEvents();
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.ear?.close();
  }

  #hear(): void {
    const { ear } = this;
    const frame = this.#frame;
    if (!ear || !frame) return;
    ear.push(frame);
    if (ear.speaking && !ear.deaf) this.#options.loudness.hear(frame, this.#options.floor.state === "hearing");
  }

  #onEdge(edge: "speech" | "silence"): void {
    const { loudness, patience, floor } = this.#options;
    if (edge === "speech") loudness.begin();
    else {
      patience.voicedAt = this.ear?.voicedAt;
      patience.noisy = false;
    }
    floor.take(edge);
  }

  #onTranscript(transcript: Transcript): void {
    const { question, observer, patience, clock, floor } = this.#options;
    const { words } = question;
    if (this.#closed) return;
    if (transcript.text.trim() !== "") observer.callerWords(transcript.text, transcript.final);
    const news = words.hear(transcript);
    if (news) patience.wordsAt = clock.now();
    if (isAgents(floor.state)) {
      if (news && this.#takesFloor()) this.#onWords(transcript);
      else if (transcript.final) words.drop();
    } else if (news || (transcript.turnEnd && question.text !== "")) this.#onWords(transcript);
    else if (floor.state === "settling") patience.settle();
  }

  #onWords({ turnEnd }: Transcript): void {
    const { clock, question, patience, floor } = this.#options;
    const now = clock.now();
    question.startedAt ??= this.ear?.speaking ? this.ear.soundAt : now;
    // Words without an edge: voice activity missed them, or hears nothing but sound, and they are all we know of when the caller spoke.
    if (floor.state === "listening" || patience.noisy) patience.voicedAt = now;
    floor.take(turnEnd ? "turnEnd" : "words");
  }

  #takesFloor(): boolean {
    const { speaker, question, agent, loudness } = this.#options;
    const { playing, leaving } = speaker;
    return takesFloor({ text: question.words.text, language: agent.language, playing, near: loudness.near, leaving });
  }

  #onRestarted(): void {
    const { question, floor, patience } = this.#options;
    question.words.settle();
    if (floor.state === "settling") patience.settle();
  }

  async #readEvents(): Promise<void> {
    const { leg, guard } = this.#options;
    try {
      for await (const event of leg.events) {
        if (this.#closed) return;
        guard(() => this.#onLegEvent(event));
      }
    } catch (error) {
      guard(() => {
        throw error;
      });
    }
  }

  #onLegEvent(event: LegEvent): void {
    const { question, clock, floor } = this.#options;
    const { ear } = this;
    if (event.type === "dtmf") {
      question.press(event.digit, clock.now());
      floor.take("digit");
      if (event.digit === "#") floor.take("pause");
    } else if (event.type === "held") {
      // The far end's music is nobody's words.
      if (ear) ear.deaf = true;
      question.words.settle();
      floor.take("hold");
    } else {
      if (ear) ear.deaf = false;
      ear?.reset();
      floor.take("unhold");
      if (question.open) floor.take("words");
    }
  }
}

const isAgents = (state: TurnState): boolean => state === "speaking" || state === "yielding" || state === "judging";
