import { systemClock } from "../../src/base/clock.ts";
import { Crowd } from "../support/crowd.ts";
import type { Stage } from "../support/stage.ts";

/** What so many SIGKILLs of workers came to. */
export interface Killed {
  readonly ok: boolean;
  /** SIGKILLs, each of a worker that had calls. */
  readonly kills: number;
  /** How often a call lost its agent: some lost two. */
  readonly calls: number;
  readonly lost: number;
  readonly silent: number;
  /** Whom somebody had by the journal and the records, but not by ear. */
  readonly unclear: number;
  /** Callers who were hearing an agent when it was killed, or another one was. */
  readonly midSentence: number;
  /** Of those that lost their first one: another agent went on, or greeted anew, or the menu had the caller. */
  readonly resumed: number;
  readonly anew: number;
  readonly menu: number;
  /** Lost the second one, and were in the menu at once. */
  readonly twice: number;
  /** Calls that an agent had answered, and what is wrong with their records. */
  readonly answered: number;
  readonly recordFaults: readonly string[];
  /** Channels that the PBX has still, after all have hung up. */
  readonly leftOver: number;
  /** In the menu before any kill. */
  readonly late: number;
  /** Without an agent, and no kill of ours was to blame. */
  readonly strayed: number;
  /** From the kill to a sound, in ms: p50, p95, p99, most. */
  readonly resumedMs: readonly number[];
  readonly menuMs: readonly number[];
  readonly twiceMs: readonly number[];
  readonly seconds: number;
}

export interface KillsOptions {
  readonly kills: number;
  readonly callers: number;
  /** Workers that must be up before others die. */
  readonly up: number;
  readonly atOnce: number;
  /** No new kill after so many seconds. */
  readonly seconds: number;
  readonly name: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Of the calls that lost an agent for the first time, with another worker up. */
const RESUMED_SHARE = 0.99;

const PERCENTILES = [0.5, 0.95, 0.99, 1];

/** Workers die under callers who are listening, until there were enough, the time is over, or the signal aborts. */
export async function kills(stage: Stage, options: KillsOptions): Promise<Killed> {
  const { kills: wanted, seconds, name, say, signal } = options;
  const crowd = new Crowd(stage, options);
  const sum = {
    ...{ kills: 0, midSentence: 0, calls: 0, lost: 0, silent: 0, unclear: 0 },
    ...{ resumed: 0, anew: 0, menu: 0, twice: 0 },
  };
  const resumedMs: number[] = [];
  const menuMs: number[] = [];
  const twiceMs: number[] = [];
  const startMs = systemClock.now();
  const passed = (): number => Math.round((systemClock.now() - startMs) / 1000);
  try {
    while (sum.kills < wanted && passed() < seconds && !signal.aborted) {
      const struck = await crowd.strike();
      // With the signal all callers hang up: what became of them says nothing.
      if (signal.aborted) break;
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += struck[key];
      resumedMs.push(...struck.resumedMs);
      menuMs.push(...struck.menuMs);
      twiceMs.push(...struck.twiceMs);
      say(
        `${name}: ${sum.kills} of ${wanted} kills, ${sum.calls} agents lost, ${sum.resumed} resumed, ${sum.anew} greeted anew, ${sum.menu} in the menu, ${sum.twice} there after the second; ${sum.lost} calls lost, ${sum.silent} heard neither`,
      );
      for (const puzzle of struck.puzzles) say(`  not told: ${puzzle}`);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await crowd.hangUp();
  }
  const recordFaults = await crowd.recordFaults();
  const leftOver = await crowd.leftOver();
  return {
    ok:
      sum.lost + sum.silent + leftOver === 0 &&
      recordFaults.length === 0 &&
      sum.resumed >= RESUMED_SHARE * (sum.resumed + sum.anew + sum.menu) &&
      sum.kills > 0,
    ...sum,
    ...{ answered: crowd.greeted.size, recordFaults, leftOver, late: crowd.late, strayed: crowd.strayed },
    ...{
      resumedMs: percentiles(resumedMs),
      menuMs: percentiles(menuMs),
      twiceMs: percentiles(twiceMs),
      seconds: passed(),
    },
  };
}

function percentiles(ms: readonly number[]): number[] {
  const sorted = ms.toSorted((a, b) => a - b);
  return PERCENTILES.map((share) => Math.round(sorted[Math.ceil(share * sorted.length) - 1] ?? 0));
}
