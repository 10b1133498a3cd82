import { type Aim, ENOUGH_TRIALS, type Findings, MAX_LATE_MS, type Metric } from "./metric.ts";
import { percentile, rounded, type Summary, summaryOf } from "./statistics.ts";

/** One line of `--json`. */
export type Figure = ({ readonly metric: string } & Summary) | { readonly metric: string; readonly value: number };

export interface Result {
  readonly metric: Metric;
  readonly figure: Figure;
  readonly reached: boolean;
  /** A sentence, where the figure must not be believed. */
  readonly invalid: string | undefined;
}

/** The figures of one scenario's metrics. A metric that it did not measure is left out. `figures`: false for a try-out, which is none anyway. */
export function resultsOf(
  metrics: readonly Metric[],
  findings: Findings,
  { figures = true }: { figures?: boolean } = {},
): Result[] {
  const invalid = figures ? whyInvalid(findings) : undefined;
  return metrics.flatMap((metric) => {
    const figure = figureOf(metric.name, findings);
    return figure ? [{ metric, figure, invalid, reached: metric.aims.every((aim) => reaches(figure, aim)) }] : [];
  });
}

function figureOf(metric: string, { samples, values }: Findings): Figure | undefined {
  const value = values?.[metric];
  if (value !== undefined) return { metric, value: rounded(value) };
  const list = samples?.[metric];
  return list && list.length > 0 ? { metric, ...summaryOf(list) } : undefined;
}

function whyInvalid({ lateMs }: Findings): string | undefined {
  const late = lateMs && lateMs.length > 0 ? percentile(lateMs, 0.99) : 0;
  if (late <= MAX_LATE_MS) return undefined;
  return `the generator itself was ${late.toFixed(1)} ms late at p99 (${MAX_LATE_MS} are allowed): this machine was too busy to measure`;
}

const partOf = (figure: Figure, of: Aim["of"]): number =>
  "value" in figure ? (of === "value" ? figure.value : Number.NaN) : of === "value" ? Number.NaN : figure[of];

export function reaches(figure: Figure, { of, atMost, atLeast, below }: Aim): boolean {
  const part = partOf(figure, of);
  if (Number.isNaN(part)) return false;
  return part <= (atMost ?? part) && part >= (atLeast ?? part) && (below === undefined || part < below);
}

/** "p95 <= 100". */
export function aimText({ of, atMost, atLeast, below }: Aim): string {
  const name = of === "value" ? "" : `${of} `;
  if (atMost !== undefined) return `${name}<= ${atMost}`;
  if (atLeast !== undefined) return `${name}>= ${atLeast}`;
  return `${name}< ${below}`;
}

/** The table for people. */
export function tableOf(results: readonly Result[]): string {
  const rows = results.map(({ metric, figure, reached, invalid }) => {
    const verdict = invalid ? "INVALID" : metric.aims.length === 0 ? "" : reached ? "reached" : "MISSED";
    const few = "n" in figure && figure.n < ENOUGH_TRIALS ? ` (only ${figure.n} trials)` : "";
    return [metric.name, numbersOf(figure), metric.aims.map(aimText).join(", "), verdict + few] as const;
  });
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at as 0].length), HEAD[at]?.length ?? 0));
  return [HEAD, ...rows]
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

const HEAD = ["metric", "measured", "aim", ""] as const;

const numbersOf = (figure: Figure): string =>
  "value" in figure
    ? String(figure.value)
    : `p50 ${figure.p50}  p95 ${figure.p95}  p99 ${figure.p99}  max ${figure.max}  (n ${figure.n})`;
