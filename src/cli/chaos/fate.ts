import type { Spell } from "../../caller/heard.ts";
import type { Fate } from "./rows.ts";

/** What is known of one call some seconds after the fault. */
export interface Aftermath {
  readonly faultMs: number;
  /** Why the call ended, if it did. */
  readonly ended: string | undefined;
  /** The caller's sounds, oldest first. */
  readonly spells: readonly Spell[];
  /** When the menu's own prompt began in what the caller heard. */
  readonly menuMs: number | undefined;
  /** How often the service has taken the call; undefined when it has it no more. */
  readonly attempt: number | undefined;
}

/** A worker's last words are on their way to the caller for less than this; the silence that it leaves has begun by then. */
const LAST_WORDS_MS = 500;

/** By what the caller heard and by what the service knows of the call: neither alone says who speaks. */
export function fateOf({ faultMs, ended, spells, menuMs, attempt }: Aftermath): Fate {
  if (ended !== undefined) return { kind: "lost", cause: ended };
  if (menuMs !== undefined) return { kind: "menu", toSoundMs: Math.max(0, Math.round(menuMs - faultMs)) };
  const silences = silencesOf(spells, faultMs);
  if (attempt === 1) return { kind: "wentOn", gapMs: Math.round(Math.max(0, ...silences.map(lengthOf))) };
  if (attempt === undefined) return { kind: "silent" };
  // The next worker's speech has pauses as well, and the last words may have had one: the silence between is the longest.
  const left = silences.filter(({ fromMs }) => fromMs - faultMs < LAST_WORDS_MS);
  const longest = left.toSorted((a, b) => lengthOf(b) - lengthOf(a))[0];
  if (longest) return { kind: "resumed", toSoundMs: Math.round(longest.toMs - faultMs) };
  // A silence that is shorter than any between two words is none to the caller.
  const goesOn = spells.some(({ endMs }) => endMs - faultMs > LAST_WORDS_MS);
  return goesOn ? { kind: "resumed", toSoundMs: 0 } : { kind: "silent" };
}

interface Silence {
  readonly fromMs: number;
  readonly toMs: number;
}

const lengthOf = ({ fromMs, toMs }: Silence): number => toMs - fromMs;

/** Between two sounds, as far as they lie after the fault. */
function silencesOf(spells: readonly Spell[], faultMs: number): Silence[] {
  return spells.flatMap((spell, index) => {
    const before = spells[index - 1];
    if (!before || spell.startMs <= faultMs) return [];
    return [{ fromMs: Math.max(before.endMs, faultMs), toMs: spell.startMs }];
  });
}
