import { EchoDetector } from "../audio/echo.ts";
import { FaxTone } from "../audio/fax-tone.ts";
import { type Frame, samplesPerFrame } from "../audio/frame.ts";
import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import type { Leg, LegEvent } from "../call/engine.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { Agent } from "./agent.ts";
import { Ear, type EarEdge } from "./ear.ts";
import type { Floor } from "./floor.ts";
import { isBackChannel, takesFloor } from "./judge.ts";
import type { Keypad } from "./keypad.ts";
import type { ConversationLimits } from "./limits.ts";
import type { Loudness } from "./loudness.ts";
import type { ConversationObserver } from "./observer.ts";
import type { Patience } from "./patience.ts";
import type { SpeechToText, Transcript, VoiceActivity } from "./providers.ts";
import type { Question } from "./question.ts";
import type { Speaker } from "./speaker.ts";
import type { Tongue } from "./tongue.ts";
import type { TurnState } from "./turns.ts";

export interface ListenerOptions {
  readonly media: MediaStream;
  readonly leg: Pick<Leg, "events">;
  readonly agent: Agent;
  readonly providers: { readonly vad: VoiceActivity; readonly stt: SpeechToText };
  readonly clock: Clock;
  readonly log: Log;
  readonly observer: ConversationObserver;
  /** Where the agent speaks several languages. */
  readonly tongue?: Tongue;
  readonly journal?: Pick<CourseWriter, "write">;
  readonly limits: ConversationLimits;
  readonly floor: Floor;
  readonly patience: Patience;
  readonly question: Question;
  readonly speaker: Speaker;
  readonly keypad: Keypad;
  readonly loudness: Loudness;
  /** Runs what may throw, and ends the conversation when it does. */
  readonly guard: (run: () => void) => void;
  /** The recogniser was lost too often. */
  readonly lost: (error: unknown) => void;
  /** A fax machine calls. */
  readonly fax: () => void;
}

// So much of a sound must have been heard to say how loud it is.
const WEIGHED_FRAMES = 5;
// Finals of a shorter sound with less confidence are more often a back-channel that was misheard than an interruption.
const SHORT_MS = 1_100;
const DOUBTFUL = 0.45;
// Words come so long after their sound at most. Without one they are what a recogniser makes of noise, unless it is as sure as this.
const LATE_WORDS_MS = 1_500;
const SURE = 0.5;

/** The caller's side: frames, words and keys become inputs of the turn table. What means nothing does not get that far. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #onFrame = (): void => this.#hear();
  #frame: Frame | undefined;
  #closed = false;
  #hunch = false;
  readonly #echo: EchoDetector;
  readonly #faxTone: FaxTone;
  readonly #silence: Frame;
  ear: Ear | undefined;

  constructor(options: ListenerOptions) {
    this.#options = options;
    const { rate } = options.media;
    this.#echo = new EchoDetector(rate);
    this.#faxTone = new FaxTone(rate);
    this.#silence = { pcm: new Int16Array(samplesPerFrame(rate)), rate };
    options.media.onSent?.((pcm, playsAtMs) => {
      this.#echo.sent(pcm, playsAtMs);
      options.loudness.agent(pcm);
    });
  }

  /** Opens the ear and listens, to frames and to the leg's events. */
  open(): void {
    const { providers, media, agent, clock, log, limits, guard, lost } = this.#options;
    this.ear = new Ear({
      ...providers,
      rate: media.rate,
      get language() {
        return agent.language;
      },
      get hints() {
        return agent.hints;
      },
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

  /** Somebody else hears the caller begin, and may be the first: the agent is silent at once, and what it was is judged here. */
  onElsewhere(): void {
    const { floor, clock, speaker, loudness } = this.#options;
    const { ear } = this;
    if (!ear || ear.deaf || ear.speaking || floor.state !== "speaking" || !speaker.resumable) return;
    ear.soundAt = clock.now();
    loudness.begin();
    floor.take("speech");
  }

  /** May be called twice. */
  close(): void {
    this.#closed = true;
    this.ear?.close();
    this.#options.patience.close();
  }

  #hear(): void {
    const { ear } = this;
    if (!ear || !this.#frame) return;
    // What is pressed while the keypad is asked for is nobody else's, nor the sound of it.
    const frame = this.#options.keypad.heard(this.#frame);
    if (this.#faxTone.push(frame.pcm)) this.#options.fax();
    // What comes back of our own words is nobody's, neither for voice activity nor for the recogniser.
    const echo = this.#echo.echo(frame.pcm, this.#options.clock.now());
    const heard = echo ? this.#silence : frame;
    ear.push(heard);
    if (!ear.deaf) this.#options.patience.completeness?.push(heard.pcm);
    if (!echo && (ear.speaking || this.#hunch) && !ear.deaf) this.#weigh(frame);
  }

  /** A sound that the agent talks over, because it was not the caller's or came too often, is the caller's when it becomes as loud. */
  #weigh(frame: Frame): void {
    const { loudness, floor } = this.#options;
    loudness.hear(frame, floor.state === "hearing");
    const talksOver = floor.state === "speaking" && this.ear?.speaking;
    if (talksOver && loudness.frames >= WEIGHED_FRAMES && loudness.loud) floor.take("speech");
  }

  #onEdge(edge: EarEdge): void {
    const { loudness, patience, floor, speaker } = this.#options;
    if (edge === "onset" || (edge === "speech" && !this.#hunch)) loudness.begin();
    this.#hunch = edge === "onset";
    if (edge === "silence") {
      patience.voicedAt = this.ear?.voicedAt;
      patience.noisy = false;
    }
    if (edge === "speech") speaker.sure();
    // A reply that has gone on often enough does not stop for every sound: this one is weighed first.
    const stops = edge === "silence" || edge === "veto" || floor.state !== "speaking" || speaker.resumable;
    if (stops) floor.take(edge);
  }

  #onTranscript(transcript: Transcript): void {
    const { question, observer, patience, clock, floor } = this.#options;
    const { words } = question;
    if (this.#closed) return;
    if (transcript.text.trim() !== "") observer.callerWords(transcript.text, transcript.final);
    const news = words.hear(transcript);
    if (transcript.final) this.#hearLanguage(transcript);
    if (news) patience.wordsAt = clock.now();
    if (transcript.turnEnd) patience.judged(undefined);
    else if (transcript.eager !== undefined) patience.judged(transcript.eager);
    if (isAgents(floor.state)) {
      if ((news || transcript.final) && this.#takesFloor(transcript)) this.#onWords(transcript);
      else this.#onIdleWords(transcript);
    } else if (news || (transcript.turnEnd && question.text !== "")) this.#onWords(transcript);
    else if (floor.state === "settling") patience.settle();
  }

  /** Who speaks another of the agent's languages, or asks for one, is heard and answered in it. */
  #hearLanguage({ text, language }: Transcript): void {
    const { tongue, question } = this.#options;
    const changed = tongue?.hear(text, language);
    if (!changed) return;
    this.#speakAnew();
    if (changed !== "asked") return;
    question.words.drop();
    question.owed = "greeting";
  }

  #speakAnew(): void {
    const { tongue, speaker, observer, log, question, journal } = this.#options;
    if (!tongue) return;
    log.info({ language: tongue.language }, "the call goes on in another language");
    observer.language?.(tongue.language);
    journal?.write({ type: "language", language: tongue.language });
    speaker.dropDraft();
    question.words.settle();
    this.ear?.relearn();
  }

  /** Words that do not take the floor: "mm-hm", an echo, somebody else's. */
  #onIdleWords({ text, final }: Transcript): void {
    const { question, agent, patience, floor } = this.#options;
    if (isBackChannel(text, agent.language)) patience.goOn = true;
    if (!final) return;
    question.words.drop();
    // All that there was to understand has been understood: no need to wait for late words.
    if (patience.goOn && floor.state === "judging" && this.ear?.pending === 0) floor.take("nothing");
  }

  #onWords({ turnEnd }: Transcript): void {
    const { clock, question, patience, floor, loudness } = this.#options;
    const now = clock.now();
    // Voice activity takes longer than such a recogniser to be sure that it is quiet: until then nobody talks over the answer who is not loud anew.
    if (turnEnd) loudness.begin();
    question.startedAt ??= this.ear?.speaking ? this.ear.soundAt : now;
    // Words without an edge: voice activity missed them, or hears nothing but sound, and they are all we know of when the caller spoke.
    if (floor.state === "listening" || patience.noisy) patience.voicedAt = now;
    floor.take(turnEnd ? "turnEnd" : "words");
  }

  #takesFloor({ final, turnEnd, confidence }: Transcript): boolean {
    const { speaker, question, agent, loudness, limits } = this.#options;
    const { playing, leaving } = speaker;
    const long = this.soundMs >= limits.soundMs || !this.ear?.speaking;
    // The agent is silent already, and the first guesses at a short sound are often wrong: what it was is known at its end.
    if (!final && !turnEnd && !long) return false;
    const sure = turnEnd || (final && (confidence ?? 1) >= SURE);
    if (!sure && !this.ear?.soundWithin(LATE_WORDS_MS)) return false;
    return takesFloor({
      text: question.words.text,
      partial: !final,
      hints: agent.hints,
      // A cough is no words, whatever a recogniser that must find some has found.
      doubtful: confidence !== undefined && confidence < DOUBTFUL && this.soundMs < SHORT_MS,
      language: agent.language,
      playing,
      near: loudness.near,
      far: loudness.far,
      leaving,
    });
  }

  /** How long the present sound, or the last one, has lasted. */
  get soundMs(): number {
    const { ear } = this;
    if (!ear) return 0;
    return (ear.speaking ? this.#options.clock.now() : (ear.voicedAt ?? 0)) - ear.soundAt;
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
      if (this.#options.keypad.takes(event.digit)) return;
      if (this.#options.tongue?.press(event.digit)) {
        this.#options.observer.key?.(event.digit);
        this.#speakAnew();
        floor.take("digit");
        question.words.drop();
        question.owed = "greeting";
        floor.take("pause");
        return;
      }
      question.press(event.digit, clock.now());
      this.#options.observer.key?.(event.digit);
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
