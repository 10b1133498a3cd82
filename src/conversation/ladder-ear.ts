import type { Frame } from "../audio/frame.ts";
import type { Permit } from "../base/breaker.ts";
import { BoundedQueue } from "../base/queue.ts";
import { type EarRung, hearAgain, type Line, type OpenOptions, openLine, shut, tellFailure } from "./ear-line.ts";
import { connectFirst, isGrave, type LadderOptions, peekNext, Standing, takeNext } from "./ladder.ts";
import { type Hearing, ProviderError, type SpeechToText, type Transcript } from "./providers.ts";
import { Replay } from "./replay.ts";

export interface LadderEarLimits {
  /** How long the final words may take while somebody else could be asked for them. */
  readonly finalMs: number;
  /** After so long without them the next one is asked as well, and whoever is first is taken. 0: never. */
  readonly hedgeMs: number;
  /** How much of the caller's words is kept for whoever takes over. */
  readonly replaySeconds: number;
}

export interface LadderEarOptions extends Omit<LadderOptions<SpeechToText>, "limits"> {
  readonly limits: LadderEarLimits;
}

/**
 * Several recognisers that hear as one. When one is lost, or owes its final words for too long, the next hears the caller's last
 * seconds again, from where the last final words ended: no word is lost, and none comes twice. The first one has the call back
 * between two utterances, after it has understood one beside whoever stands in.
 */
export class LadderEar implements SpeechToText {
  readonly name: string;
  readonly #options: LadderEarOptions;

  constructor(options: LadderEarOptions) {
    this.#options = options;
    this.name = options.rungs[0]?.name ?? "stt";
  }

  async prepare(options: OpenOptions): Promise<void> {
    const prepared = this.#options.rungs.map(({ provider }) => provider.prepare?.(options));
    const failed = (await Promise.allSettled(prepared)).find(({ status }) => status === "rejected");
    if (failed?.status === "rejected") throw failed.reason;
  }

  connect(options: OpenOptions): Promise<void> {
    return connectFirst(this.#options.rungs, ({ provider }) => provider.connect?.(options));
  }

  open(options: OpenOptions): Hearing {
    return new LadderHearing(this.#options, options);
  }

  async close(): Promise<void> {}
}

// A final that ends so much before the question for it was not the answer to it.
const ANSWER_WITHIN_MS = 1_500;
const MAX_TRANSCRIPTS = 500;
const MAX_HELD = 50;
// A caller who says nothing proves nothing: then another call may try.
const TRIAL_MS = 30_000;
// So much as loud as speech may have been a word, be it "yes".
const DOUBT_MS = 200;

class LadderHearing implements Hearing {
  readonly transcripts = new BoundedQueue<Transcript>(MAX_TRANSCRIPTS);
  readonly #options: LadderEarOptions;
  readonly #how: OpenOptions;
  readonly #replay: Replay;
  readonly #standing: Standing<SpeechToText>;
  #line: Line | undefined;
  /** Somebody who hears the same, to take over if it is better: a hedge, or a trial of who has failed before. */
  #second: Line | undefined;
  #tries = 0;
  #over = false;

  constructor(options: LadderEarOptions, how: OpenOptions) {
    this.#options = options;
    this.#how = how;
    this.#standing = new Standing("stt", options);
    this.#replay = new Replay({ seconds: options.limits.replaySeconds });
    if (how.signal.aborted) this.#close();
    else how.signal.addEventListener("abort", () => this.#close(), { once: true });
    this.#openNext([...options.rungs]);
  }

  push(frame: Frame): void {
    const line = this.#line;
    if (this.#over) return;
    this.#replay.add(frame, { open: line !== undefined && (line.partial !== "" || line.owes.length > 0) });
    line?.hearing.push(frame);
    this.#second?.hearing.push(frame);
  }

  finish(): void {
    if (this.#line) this.#ask(this.#line);
    if (this.#second) this.#ask(this.#second);
  }

  #ask(line: Line): void {
    line.owes.push(this.#replay.atMs);
    line.hearing.finish();
    if (!line.deadline) this.#watch(line);
  }

  #watch(line: Line): void {
    const { clock, limits } = this.#options;
    line.deadline?.cancel();
    line.deadline = undefined;
    if (line.owes.length === 0) return;
    const late = (): void => this.#late(line);
    const hedges = limits.hedgeMs > 0 && line === this.#line && !this.#second;
    if (!hedges) {
      line.deadline = clock.after(limits.finalMs, late);
      return;
    }
    line.deadline = clock.after(Math.min(limits.hedgeMs, limits.finalMs), () => {
      if (line === this.#line) this.#hedge();
      line.deadline = clock.after(Math.max(0, limits.finalMs - limits.hedgeMs), late);
    });
  }

  #late(line: Line): void {
    line.deadline = undefined;
    if (line.doubted) {
      this.#believe(line);
      return;
    }
    const error = new ProviderError(
      line.rung.name,
      "timeout",
      `no final words within ${this.#options.limits.finalMs} ms`,
    );
    // Whoever is alone is waited for: the conversation has its own patience, and opens it again.
    if (line === this.#second || this.#second || this.#others(line).length > 0) this.#fail(line, error);
  }

  #others({ rung }: Line): EarRung[] {
    return this.#options.rungs.filter((other) => other !== rung);
  }

  // Who hears.

  #open(rung: EarRung, permit: Permit): Line {
    const line = openLine(rung, permit, { how: this.#how, offsetMs: this.#replay.fromMs });
    void this.#read(line);
    return line;
  }

  #tell(line: Line, owed: readonly number[]): void {
    hearAgain(line, this.#replay, owed);
    this.#watch(line);
  }

  /** Opens the first of these that can be opened. False: none. */
  #openNext(candidates: EarRung[], owed: readonly number[] = []): boolean {
    for (let next = takeNext(candidates); next && !this.#over; next = takeNext(candidates)) {
      this.#tries += 1;
      try {
        this.#line = this.#open(next.rung, next.permit);
        this.#standing.took(next.rung);
        this.#tell(this.#line, owed);
        return true;
      } catch (error) {
        this.#standing.failed(next.rung, error, peekNext(candidates));
        next.permit.failed({ grave: isGrave(error) });
        if (candidates.length === 0) this.transcripts.fail(error);
      }
    }
    return false;
  }

  #hedge(): void {
    const line = this.#line;
    if (!line || this.#second || this.#over) return;
    const next = takeNext(this.#others(line));
    if (!next) return;
    this.#shadow(next, line.owes);
  }

  /** Between two utterances: whoever is better and may be well again hears the next one too. */
  #tryBetter(): void {
    const line = this.#line;
    if (!line || this.#second || this.#over) return;
    const { rungs, clock } = this.#options;
    const better = rungs
      .slice(0, rungs.indexOf(line.rung))
      .find(({ breaker }) => breaker.state === "due" || breaker.state === "closed");
    const permit = better?.breaker.enter();
    if (!better || !permit) return;
    const second = this.#shadow({ rung: better, permit }, []);
    if (second) second.trial = clock.after(TRIAL_MS, () => this.#drop(second));
  }

  #shadow({ rung, permit }: { rung: EarRung; permit: Permit }, owed: readonly number[]): Line | undefined {
    try {
      const second = this.#open(rung, permit);
      this.#second = second;
      this.#tell(second, owed);
      return second;
    } catch (error) {
      this.#second = undefined;
      permit.failed({ grave: isGrave(error) });
      return undefined;
    }
  }

  /** Nobody is listened to in the middle of an utterance who did not hear its beginning. */
  #adopt(second: Line): void {
    const old = this.#line;
    second.trial?.cancel();
    second.trial = undefined;
    this.#line = second;
    this.#second = undefined;
    this.#standing.took(second.rung);
    if (old) this.#drop(old);
    for (const transcript of second.held.splice(0)) this.#emit(second, transcript);
  }

  // What they say.

  async #read(line: Line): Promise<void> {
    const { signal } = line.abort;
    let ending: unknown = new ProviderError(line.rung.name, "protocol", "the recogniser ended by itself");
    try {
      for await (const transcript of line.hearing.transcripts) {
        if (signal.aborted) return;
        this.#onTranscript(line, transcript);
      }
    } catch (error) {
      ending = error;
    }
    if (!signal.aborted) this.#fail(line, ending);
  }

  #onTranscript(line: Line, heard: Transcript): void {
    const startMs = heard.startMs + line.offsetMs;
    const transcript = { ...heard, startMs, endMs: heard.endMs + line.offsetMs };
    if (line === this.#line) this.#emit(line, transcript);
    else if (line === this.#second) this.#beside(line, transcript);
  }

  #emit(line: Line, transcript: Transcript): void {
    if (this.#doubts(line, transcript)) return;
    line.partial = transcript.final ? "" : transcript.text;
    if (transcript.final) this.#settle(line, transcript);
    this.transcripts.push(transcript);
    if (transcript.final) this.#between();
  }

  /** Nothing was understood of what is likely to have been words: then somebody else is asked first. */
  #doubts(line: Line, transcript: Transcript): boolean {
    const empty = transcript.final && transcript.text.trim() === "";
    if (!empty || line.doubted || line.owes.length === 0 || this.#replay.loudMs < DOUBT_MS) return false;
    this.#hedge();
    if (!this.#second) return false;
    line.doubted = transcript;
    return true;
  }

  /** Nobody understood more: it was no words. */
  #believe(line: Line): void {
    const { doubted } = line;
    const second = this.#second;
    if (second && !second.trial) this.#drop(second);
    if (!doubted) return;
    this.#emit(line, doubted);
    line.doubted = undefined;
  }

  /** The words up to here are known. */
  #settle(line: Line, { endMs }: Transcript): void {
    const [askedAt] = line.owes;
    const known = endMs > line.offsetMs;
    const answers = askedAt !== undefined && (!known || askedAt - endMs <= ANSWER_WITHIN_MS);
    if (askedAt !== undefined) line.owes.shift();
    if (line.owes.length === 0 || answers) this.#watch(line);
    line.permit.ok();
    line.answered = true;
    this.#tries = 0;
    this.#replay.settle(answers ? Math.max(askedAt, endMs) : known ? endMs : this.#replay.atMs);
  }

  /** Somebody who is not listened to yet. */
  #beside(second: Line, transcript: Transcript): void {
    second.partial = transcript.final ? "" : transcript.text;
    if (second.held.length >= MAX_HELD) second.held.shift();
    second.held.push(transcript);
    if (!transcript.final) return;
    second.owes.shift();
    this.#watch(second);
    const line = this.#line;
    if (second.trial) this.#between();
    else if (line?.doubted && transcript.text.trim() === "") this.#believe(line);
    else {
      // Who understood nothing where there were words has failed, whatever it says itself.
      if (line?.doubted) tellFailure(line);
      this.#adopt(second);
    }
  }

  /** Nothing is open and nothing owed: who is better and has shown it has the call back; else one of them may try. */
  #between(): void {
    const [line, second] = [this.#line, this.#second];
    if (!line || line.owes.length > 0 || line.partial !== "") return;
    if (!second) {
      this.#tryBetter();
      return;
    }
    if (second.owes.length > 0 || second.partial !== "") return;
    const understood = second.held.some(({ final, text }) => final && text !== "");
    second.held.length = 0;
    if (!second.trial || !understood) return;
    second.permit.ok();
    second.answered = true;
    this.#adopt(second);
  }

  // How they end.

  #fail(line: Line, error: unknown): void {
    if (this.#over) return;
    tellFailure(line, error);
    if (line === this.#second) {
      this.#second = undefined;
      shut(line, error);
      if (this.#line) this.#believe(this.#line);
      return;
    }
    if (line !== this.#line) return;
    const { owes } = line;
    shut(line, error);
    this.#line = undefined;
    this.#keepWhatIsForgotten(line);
    const second = this.#second;
    if (second) {
      this.#standing.failed(line.rung, error, second.rung);
      this.#adopt(second);
      return;
    }
    const others = this.#others(line);
    // The one that failed comes last: a connection that broke can be made again.
    const candidates = [...others, line.rung].slice(0, Math.max(0, this.#options.rungs.length + 1 - this.#tries));
    this.#standing.failed(line.rung, error, peekNext(candidates));
    if (!this.#openNext(candidates, owes)) this.transcripts.fail(error);
  }

  /** An utterance longer than what is kept: its words so far stand as they were understood. */
  #keepWhatIsForgotten({ partial }: Line): void {
    if (!this.#replay.lossy || partial === "") return;
    const { atMs } = this.#replay;
    this.transcripts.push({ text: partial, final: true, startMs: this.#replay.fromMs, endMs: atMs });
    this.#replay.settle(atMs);
  }

  #drop(line: Line): void {
    line.permit.release();
    if (this.#second === line) this.#second = undefined;
    shut(line);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    for (const line of [this.#line, this.#second]) if (line) this.#drop(line);
    this.#line = undefined;
    this.transcripts.close();
  }
}
