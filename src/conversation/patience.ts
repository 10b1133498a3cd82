import type { Clock, Timer } from "../base/clock.ts";
import type { Agent } from "./agent.ts";
import { Completeness, type TurnChoice } from "./completeness.ts";
import type { Ear } from "./ear.ts";
import { endpointMs } from "./endpoint.ts";
import type { Floor } from "./floor.ts";
import type { ConversationLimits } from "./limits.ts";
import type { Loudness } from "./loudness.ts";
import type { Question } from "./question.ts";
import type { Speaker } from "./speaker.ts";

export interface PatienceOptions {
  readonly floor: Floor;
  readonly clock: Clock;
  readonly limits: ConversationLimits;
  readonly agent: Agent;
  readonly question: Question;
  readonly speaker: Speaker;
  readonly loudness: Loudness;
  readonly ear: () => Ear | undefined;
  readonly media: { readonly rate: number };
  readonly providers: { readonly turn?: TurnChoice };
}

const EAR_CHECK_MS = 1_000;
const VETO_MS = 300;
const LONGEST_MS = 3_000;
// Recognisers give partial words some four times a second: words that outlast one of those are likely to be the last.
const STABLE_MS = 250;

/** How long each state waits, and what it takes the waiting for. Every state in which the agent is silent has its timer here. */
export class Patience {
  readonly #options: PatienceOptions;
  /** Where there is a model that judges turns by their sound. */
  readonly completeness: Completeness | undefined;
  /** The end of the caller's last voiced frame, by the clock's `now`. */
  voicedAt: number | undefined;
  wordsAt = 0;
  /** When the pause was long enough, the final words apart. */
  pauseOverAt: number | undefined;
  /** Voice activity has been on for too long to mean anything: only words count, until its next edge. */
  noisy = false;
  /** The caller ended a reply by a sound of which no word was understood: the agent asks sooner. */
  reask = false;
  /** What a recogniser that judges turns thinks of the caller's: nearly over, or not. Undefined: it does not judge. */
  #eager: boolean | undefined;
  /** "Mm-hm" was understood: the caller wants the agent to go on. */
  goOn = false;
  #stable: Timer | undefined;

  constructor(options: PatienceOptions) {
    this.#options = options;
    const { providers, media, clock } = options;
    const { turn: choice } = providers;
    if (choice) this.completeness = new Completeness({ choice, rate: media.rate, clock, onVerdict: this.#onVerdict });
  }

  // By the floor's timer: whatever else happens in this moment comes first, and may end the pause.
  readonly #onVerdict = (): void => {
    const { floor } = this.#options;
    if (floor.state === "settling") floor.wait(0, () => this.settle());
  };

  /** The recogniser has judged the caller's turn. Nearly over: an answer is prepared, which is thrown away when it goes on after all. */
  judged(eager: boolean | undefined): void {
    const { speaker, floor } = this.#options;
    const before = this.#eager;
    this.#eager = eager;
    const caller = floor.state === "hearing" || floor.state === "settling";
    if (eager && caller) speaker.prepare();
    if (eager !== false || before !== true) return;
    speaker.dropDraft();
    if (floor.state === "settling") this.settle();
  }

  /** The pause counts from the caller's last voiced frame. Meanwhile the reply to the words so far is prepared. */
  settle(): void {
    const { agent, clock, limits, question, speaker, floor } = this.#options;
    const ear = this.#options.ear();
    if (ear?.speaking && !this.noisy) {
      floor.take("speech");
      return;
    }
    if (ear && ear.pending === 0 && question.words.open) ear.finish();
    this.#prepare(ear?.pending ?? 0);
    const { language } = agent;
    // A recogniser that judges turns and does not think that this one is over knows better than silence does, for a while.
    const pauseMs = this.#eager === false ? Math.min(LONGEST_MS, agent.pauseMs * 2) : agent.pauseMs;
    const silenceMs = endpointMs({ text: question.text, language, pauseMs, asked: speaker.asked });
    const now = clock.now();
    const pausedAt = this.voicedAt ?? now;
    const waitMs = this.#bySound(silenceMs);
    const dueAt = pausedAt + waitMs;
    // A pause that the model cuts short leaves a slow recogniser the time that it has always had.
    const finalsBy = pausedAt + Math.max(silenceMs, waitMs) + limits.sttWaitMs;
    if (dueAt > now) this.pauseOverAt = undefined;
    floor.wait(dueAt - now, () => this.#pauseOver(finalsBy));
  }

  /**
   * The final words are not waited for: those that have not changed for a while are seldom others in the end, and then the reply to them
   * is thrown away. A recogniser that judges turns says itself when it is time.
   */
  #prepare(pending: number): void {
    const { clock, speaker, floor } = this.#options;
    this.#stable?.cancel();
    if (this.#eager === false) return;
    const leftMs = pending === 0 ? 0 : this.wordsAt + STABLE_MS - clock.now();
    if (leftMs <= 0) speaker.prepare();
    else
      this.#stable = clock.after(leftMs, () => {
        if (floor.state === "settling") speaker.prepare();
      });
  }

  /** What a model makes of the pause, where there is one and nobody who knows better. */
  #bySound(byWordsMs: number): number {
    const { agent, question } = this.#options;
    const ear = this.#options.ear();
    const { completeness, voicedAt: pauseAt } = this;
    if (!completeness || !ear || pauseAt === undefined || this.noisy || this.#eager !== undefined) return byWordsMs;
    completeness.ask({ pauseAt, sinceAt: Math.min(ear.soundAt, question.startedAt ?? ear.soundAt) });
    return completeness.pauseMs(pauseAt, { byWordsMs, pauseMs: agent.pauseMs });
  }

  /** The final words may come a little after the pause, and are waited for, but not for long. */
  #pauseOver(finalsBy: number): void {
    const { clock, floor } = this.#options;
    const ear = this.#options.ear();
    const now = clock.now();
    this.pauseOverAt ??= now;
    const leftMs = finalsBy - now;
    if ((ear?.pending ?? 0) === 0 || leftMs <= 0) {
      this.#decide();
      return;
    }
    floor.wait(leftMs, () => {
      ear?.missed();
      this.#decide();
    });
  }

  #decide(): void {
    this.#options.floor.take(this.#options.question.open ? "pause" : "nothing");
  }

  /** Sound without an end: after a while without new words it is the line, and no caller's. */
  hear(enteredAt = this.#options.clock.now()): void {
    const { clock, limits, floor, question } = this.#options;
    floor.wait(EAR_CHECK_MS, () => {
      const quietMs = clock.now() - Math.max(enteredAt, this.wordsAt);
      const hasWords = question.words.text !== "";
      if (quietMs < (hasWords ? limits.wordsQuietMs : limits.earMs)) this.hear(enteredAt);
      else floor.take(hasWords ? "pause" : "nothing");
    });
  }

  /** A sound that may be speech: what looks into it says so soon, and if it fails, the agent goes on. */
  veto(): void {
    const { floor } = this.#options;
    floor.wait(VETO_MS, () => floor.take("veto"));
  }

  /** A sound while the agent speaks: it takes the floor when it goes on and is loud, or when the reply went on often enough. */
  yield(): void {
    const { clock, limits, floor, speaker, loudness } = this.#options;
    const now = clock.now();
    const leftMs = Math.max(0, (speaker.heldAt ?? now) + limits.yieldTotalMs - now);
    floor.wait(Math.min(limits.yieldMs, leftMs), () => {
      if (!loudness.loud) floor.take(this.#mayGoOn ? "nothing" : "near");
      else if (this.goOn && leftMs > limits.yieldMs) this.yield();
      // The agent is silent already: to wait a little longer costs a caller who speaks nothing.
      else floor.wait(Math.min(limits.yieldMs, leftMs), () => floor.take(this.goOn ? "nothing" : "near"));
    });
  }

  /** The sound is over; its words may still come. */
  judge(): void {
    const { limits, floor } = this.#options;
    // A whole utterance of which no word was understood is no cough: the caller is asked to say it again.
    const said = !this.goOn && this.#options.loudness.loud && this.#soundMs >= limits.soundMs;
    floor.wait(limits.judgeMs, () => floor.take(this.#mayGoOn && !said ? "nothing" : "near"));
  }

  get #mayGoOn(): boolean {
    return this.goOn || this.#options.speaker.resumable;
  }

  get #soundMs(): number {
    const ear = this.#options.ear();
    return ear?.voicedAt === undefined ? 0 : ear.voicedAt - ear.soundAt;
  }

  key(): void {
    const { limits, floor } = this.#options;
    floor.wait(limits.digitMs, () => floor.take("pause"));
  }

  caller(): void {
    const { limits, floor } = this.#options;
    floor.wait(this.reask ? limits.reaskMs : limits.silenceMs, () => floor.take("nothing"));
  }

  /** May be called twice. */
  close(): void {
    this.#stable?.cancel();
    this.completeness?.close();
  }

  /** For what has its own deadline, and in case that fails. */
  atMost(ms: number): void {
    const { floor } = this.#options;
    floor.wait(ms, () => floor.take("nothing"));
  }
}
