/** Where a caller goes for whom nobody was reached. `agent`: back to the conversation that they came from. */
export type Afterwards = "agent" | "voicemail" | "menu";

/** How a human is to be called, for the dialplan to do: it goes on with it whatever becomes of us. */
export interface Handover {
  readonly ringSeconds: number;
  /** One line for the human's display; as `plainLine` makes it. */
  readonly reason: string;
  /** What the human hears before taking the call: a recording of ours by its id; FIXED_BRIEF; empty: nothing, and no key is asked for. */
  readonly brief: string;
  readonly onBusy: Afterwards;
  /** Nor when the human refuses, or cannot be reached at all. */
  readonly onNoAnswer: Afterwards;
}

/** The dialplan's own prompt, in the place of a brief. */
export const FIXED_BRIEF = "-";

export type NotReached = "busy" | "noanswer" | "refused" | "unreachable";

/** What became of a transfer, as the dialplan tells it. */
export type TransferResult = "taken" | NotReached;

/** A call that comes back from a transfer. */
export interface Returned {
  readonly target: string;
  readonly why: NotReached;
}

const RESULTS: readonly TransferResult[] = ["taken", "busy", "noanswer", "refused", "unreachable"];

export const transferResultOf = (word: string): TransferResult | undefined => RESULTS.find((result) => result === word);

/** What the dialplan has left, `<target>/<result>`; undefined: the call comes from nowhere. */
export function returnedOf(word: string): Returned | undefined {
  const [, target, result] = /^([a-z][a-z0-9_]{0,63})\/([a-z]+)$/.exec(word) ?? [];
  const why = transferResultOf(result ?? "");
  return target === undefined || why === undefined || why === "taken" ? undefined : { target, why };
}

/** Whether such a call may be back. */
export const mayReturn = ({ onBusy, onNoAnswer }: Handover): boolean => onBusy === "agent" || onNoAnswer === "agent";

const LINE_MAX = 60;

/**
 * A line as every display, header and dialplan takes it: ASCII letters, digits, blanks, dots and hyphens. Letters with accents lose
 * them; whatever else somebody has chosen is gone.
 */
export function plainLine(text: string): string {
  const letters = text
    .slice(0, 1000)
    .replaceAll("ß", "ss")
    .normalize("NFKD")
    .replace(/\p{M}+/gu, "");
  return letters
    .replace(/[^A-Za-z0-9.-]+/g, " ")
    .trim()
    .slice(0, LINE_MAX)
    .trim();
}

const BRIEF = /^[A-Za-z0-9._-]{1,128}$/;

/** The dialplan's words for it, by their names without what each engine puts before them. Nothing in them is anybody's own text. */
export function handoverWords({ ringSeconds, reason, brief, onBusy, onNoAnswer }: Handover): Record<string, string> {
  return {
    ring: String(Math.min(300, Math.max(1, Math.round(ringSeconds)))),
    brief: BRIEF.test(brief) ? brief : "",
    why: plainLine(reason),
    on_busy: onBusy,
    on_noanswer: onNoAnswer,
  };
}
