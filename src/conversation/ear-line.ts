import type { SampleRate } from "../audio/frame.ts";
import type { Permit } from "../base/breaker.ts";
import type { Timer } from "../base/clock.ts";
import { isGrave, type Rung } from "./ladder.ts";
import type { Hearing, SpeechToText, Transcript } from "./providers.ts";
import type { Replay } from "./replay.ts";

export type EarRung = Rung<SpeechToText>;

export interface OpenOptions {
  readonly rate: SampleRate;
  readonly language: string;
  readonly hints: readonly string[];
  readonly signal: AbortSignal;
}

/** A recogniser's ear, opened at some moment of the call. */
export interface Line {
  readonly rung: EarRung;
  readonly permit: Permit;
  readonly abort: AbortController;
  readonly hearing: Hearing;
  /** Where its own time begins. */
  readonly offsetMs: number;
  /** When it was asked for final words that it still owes: the audio's time. */
  readonly owes: number[];
  /** What it has said while it was not the one that is listened to. */
  readonly held: Transcript[];
  /** It has given final words: its permit is used up. */
  answered: boolean;
  /** Words since its last final. */
  partial: string;
  deadline: Timer | undefined;
  /** Of one that has failed before: when it has had its time to show that it is well again. */
  trial: Timer | undefined;
  /** It understood nothing of what was loud enough to be words, and somebody else is asked before that is believed. */
  doubted: Transcript | undefined;
}

/** Throws what the recogniser throws. */
export function openLine(
  rung: EarRung,
  permit: Permit,
  { how, offsetMs }: { how: OpenOptions; offsetMs: number },
): Line {
  const { language, hints, rate } = how;
  const abort = new AbortController();
  const hearing = rung.provider.open({ language, hints, rate, signal: abort.signal });
  return {
    rung,
    permit,
    abort,
    hearing,
    offsetMs,
    owes: [],
    held: [],
    answered: false,
    partial: "",
    deadline: undefined,
    trial: undefined,
    doubted: undefined,
  };
}

/** Hears what is kept of the caller, and is asked for the final words at the same moments as whoever was there before. */
export function hearAgain(line: Line, replay: Replay, owed: readonly number[]): void {
  const asks = [...owed];
  let atMs = replay.fromMs;
  for (const frame of replay.frames) {
    while (asks[0] !== undefined && asks[0] <= atMs) asked(line, asks.shift() ?? atMs);
    line.hearing.push(frame);
    atMs += (frame.pcm.length * 1000) / frame.rate;
  }
  for (const at of asks) asked(line, at);
}

function asked(line: Line, atMs: number): void {
  line.owes.push(atMs);
  line.hearing.finish();
}

/** A call is long: what has worked for minutes may fail all the same, and its breaker is told. */
export function tellFailure({ rung, permit, answered }: Line, error?: unknown): void {
  const told = answered ? rung.breaker.enter({ force: true }) : permit;
  told?.failed({ grave: isGrave(error) });
}

/** Nobody listens to it any more. `reason`: what it is given up for. */
export function shut(line: Line, reason?: unknown): void {
  line.deadline?.cancel();
  line.deadline = undefined;
  line.trial?.cancel();
  line.trial = undefined;
  line.abort.abort(reason);
}
