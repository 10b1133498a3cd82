import type { Turn } from "../../conversation/turn.ts";
import { cdrPage } from "../cdr-text.ts";
import type { Aftermath } from "./aftermath.ts";
import type { Check, DemoResult } from "./result.ts";

/** Where the demo shows what happens. With `--json` only progress is shown, and on the other channel. */
export interface Screen {
  progress(text: string): void;
  scene(title: string): void;
  words(who: "caller" | "agent" | "menu" | "phone", text: string): void;
  turn(turn: Turn): void;
  note(text: string): void;
  aftermath(left: Aftermath): void;
  summary(result: DemoResult, checks: readonly Check[]): void;
}

interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

const COLOURS = { caller: "36", agent: "32", menu: "33", phone: "35", dim: "2", bold: "1", bad: "31" } as const;

export const ms = (value: number | null | undefined): string => (value == null ? "-" : `${Math.round(value)} ms`);

/** "pause 600 + words 12 + model 1 + voice 20": the stages of one reply, in the order in which they happened. */
export function stages({ latency }: Turn): string {
  const named = [
    ["pause", latency.endpointMs],
    ["words", latency.sttMs],
    ["model", latency.llmMs],
    ["voice", latency.ttsMs],
    ["line", latency.playoutMs],
  ] as const;
  return named.flatMap(([name, value]) => (value === undefined ? [] : [`${name} ${Math.round(value)}`])).join(" + ");
}

export function terminalScreen(out: Output): Screen {
  const paint = (colour: keyof typeof COLOURS, text: string) =>
    out.isTTY ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
  const line = (text: string): void => void out.write(`${text}\n`);
  return {
    progress: (text) => line(paint("dim", `· ${text}`)),
    scene: (title) => line(`\n${paint("bold", title)}`),
    words: (who, text) => line(`  ${paint(who, who.padEnd(7))} ${text}`),
    turn: (turn) => {
      if (turn.latency.totalMs === undefined) return;
      const heard = turn.interrupted ? `; interrupted, heard up to: "${turn.agent?.heardText ?? ""}"` : "";
      line(
        paint("dim", `          answered ${ms(turn.latency.totalMs)} after the last word (${stages(turn)})${heard}`),
      );
    },
    note: (text) => line(paint("dim", `          ${text}`)),
    aftermath: ({ cdr, recording, waveform }) => {
      if (cdr) {
        line(paint("bold", "\nThe record of it (sidetone cdr show)"));
        for (const fact of cdrPage(cdr).split("\n\n")[0]?.trimEnd().split("\n") ?? []) line(`  ${fact}`);
      }
      if (!recording) return;
      line(paint("bold", `\nThe recording, ${recording.seconds} s, by the PBX: ${recording.path}`));
      for (const side of waveform) line(`  ${side}`);
    },
    summary: (result, checks) => {
      line(`\n${paint("bold", "What was measured, at the caller's RTP")}`);
      for (const row of table(result)) line(row && `  ${row}`);
      line("");
      for (const { what, ok } of checks) line(`  ${ok ? paint("agent", "yes") : paint("bad", "NO ")}  ${what}`);
      line(result.ok ? "\nAll of it happened." : `\n${paint("bad", "Not all of it happened.")}`);
    },
  };
}

/** For programs: progress aside, and the result as one object. */
export function jsonScreen({ out, progress }: { out: Output; progress: Output }): Screen {
  return {
    progress: (text) => void progress.write(`${text}\n`),
    scene() {},
    words() {},
    turn() {},
    note() {},
    aftermath() {},
    summary: (result) => void out.write(`${JSON.stringify(result)}\n`),
  };
}

function table(result: DemoResult): string[] {
  const rows = result.turns.map((turn, index) => [
    String(index + 1),
    turn.caller.slice(0, 44) || "(greeting)",
    ms(turn.latencyMs.atCallerMs),
    ms(turn.heardMs),
    turn.interrupted ? "yes" : "",
  ]);
  const head = ["turn", "the caller said", "answered after", "heard", "interrupted"];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const format = (row: readonly string[]) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd();
  return [
    ...[head, ...rows].map(format),
    "",
    `barge-in to silence            ${ms(result.bargeInMs)}`,
    `worker killed to menu's sound  ${ms(result.failover.killMs)}`,
  ];
}
