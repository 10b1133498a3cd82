/** What one caller had of a fault. Times in ms from the fault. */
export type Fate =
  /** The call ended under the caller. */
  | { readonly kind: "lost"; readonly cause: string }
  /** The call is up, but nobody has it and nothing was heard. */
  | { readonly kind: "silent" }
  | { readonly kind: "menu"; readonly toSoundMs: number }
  /** Another worker has the call, and its voice was heard. */
  | { readonly kind: "resumed"; readonly toSoundMs: number }
  /** The worker that had the call has it still; the longest silence between two sounds since the fault. */
  | { readonly kind: "wentOn"; readonly gapMs: number };

/** One fault, as all callers had it. */
export interface ChaosRow {
  readonly fault: string;
  /** Calls that were up when it struck. */
  readonly up: number;
  /** Of them, those that ended, or stayed in silence. */
  readonly lost: number;
  /** The longest of the calls that it hit: from the fault to the menu's or the next worker's first sound. Null where none was hit. */
  readonly toSoundMs: number | null;
  readonly resumed: number;
  readonly menu: number;
  /** Calls that were not hit. */
  readonly wentOn: number;
  /** In words. */
  readonly heard: string;
  /** Why it was not tried; then nothing else is said. */
  readonly skipped?: string;
  /** What is not as promised. */
  readonly wrong: readonly string[];
}

export interface Verdict {
  readonly ok: boolean;
  readonly rows: readonly ChaosRow[];
}

/** What is promised, in ms from the fault: the menu, the next worker's voice, and how long an agent may be silent who goes on. */
export const PROMISED = { menuMs: 1200, resumedMs: 1500, gapMs: 1500 } as const;

/** `mustHit`: a fault that reached no call has shown nothing. */
export function rowOf(fault: string, fates: readonly Fate[], { mustHit }: { mustHit: boolean }): ChaosRow {
  const menu = timesOf(fates, "menu");
  const resumed = timesOf(fates, "resumed");
  const gaps = fates.flatMap((fate) => (fate.kind === "wentOn" ? [fate.gapMs] : []));
  const ended = fates.flatMap((fate) => (fate.kind === "lost" ? [fate.cause] : []));
  const silent = fates.filter(({ kind }) => kind === "silent").length;
  const hit = [...menu, ...resumed];
  const heard = [
    ...(resumed.length > 0 ? [`${resumed.length} the agent again after ${range(resumed)}`] : []),
    ...(menu.length > 0 ? [`${menu.length} the menu after ${range(menu)}`] : []),
    ...(gaps.length > 0 ? [`${gaps.length} the agent, who went on (longest silence ${Math.max(...gaps)} ms)`] : []),
    ...(silent > 0 ? [`${silent} nothing`] : []),
    ...(ended.length > 0 ? [`${ended.length} the end of the call (${[...new Set(ended)].join(", ")})`] : []),
  ];
  const lost = ended.length + silent;
  const late = (times: readonly number[], limitMs: number, what: string): string[] =>
    times.some((ms) => ms > limitMs) ? [`${what} after ${Math.max(...times)} ms, promised within ${limitMs} ms`] : [];
  return {
    ...{ fault, up: fates.length, lost, toSoundMs: hit.length > 0 ? Math.max(...hit) : null },
    ...{ resumed: resumed.length, menu: menu.length, wentOn: gaps.length, heard: heard.join("; ") },
    wrong: [
      ...(lost > 0 ? [`${lost} of ${fates.length} calls lost`] : []),
      ...late(menu, PROMISED.menuMs, "the menu"),
      ...late(resumed, PROMISED.resumedMs, "the agent again"),
      ...late(gaps, PROMISED.gapMs, "an agent who went on was heard again"),
      ...(mustHit && lost + hit.length === 0 ? ["it reached no call, and has shown nothing"] : []),
    ],
  };
}

export const skippedRow = (fault: string, why: string): ChaosRow => ({
  ...{ fault, up: 0, lost: 0, toSoundMs: null, resumed: 0, menu: 0, wentOn: 0, heard: "", skipped: why, wrong: [] },
});

/** All is as promised, and something was tried. */
export const verdictOf = (rows: readonly ChaosRow[]): Verdict => ({
  ok: rows.some(({ skipped }) => skipped === undefined) && rows.every(({ wrong }) => wrong.length === 0),
  rows,
});

const HEAD = ["FAULT", "UP", "LOST", "TO SOUND", "RESUMED", "MENU", "WHAT THE CALLERS HEARD"];

/** For people: one line a fault, then what is wrong, then the verdict. */
export function verdictText({ ok, rows }: Verdict): string {
  const cells = rows.map((row) =>
    row.skipped === undefined
      ? [
          ...[row.fault, String(row.up), String(row.lost), row.toSoundMs === null ? "-" : `${row.toSoundMs} ms`],
          ...[String(row.resumed), String(row.menu), row.heard],
        ]
      : [row.fault, "-", "-", "-", "-", "-", `not tried: ${row.skipped}`],
  );
  const all = [HEAD, ...cells];
  const widths = HEAD.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const lines = all.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  const wrong = rows.flatMap((row) => row.wrong.map((what) => `${row.fault}: ${what}`));
  const tried = rows.filter(({ skipped }) => skipped === undefined).length;
  const verdict = ok
    ? `No call died with the agent: ${tried} faults tried, ${rows.length - tried} not.`
    : tried === 0
      ? "Nothing was tried, and nothing is shown."
      : "NOT AS PROMISED.";
  return `${[...lines, "", ...wrong, verdict].join("\n")}\n`;
}

const timesOf = (fates: readonly Fate[], kind: "menu" | "resumed"): number[] =>
  fates.flatMap((fate) => (fate.kind === kind ? [fate.toSoundMs] : []));

function range(times: readonly number[]): string {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  return least === most ? `${most} ms` : `${least} to ${most} ms`;
}
