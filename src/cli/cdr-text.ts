import { type Cdr, type CdrTurn, type CdrUsage, durationOf } from "../call/cdr.ts";

/** What the dialplan was told, in a word: "menu (silence)", "transfer to sales". */
export function nextText({ next, ended }: Pick<Cdr, "next" | "ended">): string {
  if (next?.next === "transfer") return `transfer to ${next.target}`;
  if (next?.next === "menu") return `menu (${next.reason})`;
  if (next) return "hang-up";
  return ended === null ? "is up" : "";
}

/** "1:05"; empty while the call is up. */
export function lengthText(cdr: Pick<Cdr, "started" | "ended">): string {
  const ms = durationOf(cdr);
  if (ms === undefined) return "";
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

const COLUMNS = ["STARTED", "CALL", "FROM", "TO", "AGENT", "LENGTH", "TURNS", "NEXT"];

/** For people: aligned on a terminal; elsewhere tabs between the cells, for `cut` and `awk`. */
export function cdrTable(calls: readonly Cdr[], { terminal }: { terminal: boolean }): string {
  const rows = calls.map((cdr) => [
    cdr.started,
    cdr.id,
    cdr.from,
    cdr.did || cdr.to,
    cdr.agent,
    lengthText(cdr),
    String(cdr.turns.length),
    nextText(cdr),
  ]);
  const all = [COLUMNS, ...rows].map((row) => row.map(printable));
  if (!terminal) return all.map((row) => `${row.join("\t")}\n`).join("");
  const widths = COLUMNS.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
  return all.map((row) => `${line(row).trimEnd()}\n`).join("");
}

/** What a caller or a recogniser chose must not steer the terminal. */
const printable = (text: string): string => text.replaceAll(/\p{Cc}+/gu, " ");

/** A record to read: what is known of the call, then what was said. */
export function cdrPage(cdr: Cdr): string {
  const { recording } = cdr;
  const facts: (readonly [string, string])[] = [
    ["call", `${cdr.id} (${cdr.engine}, ${cdr.direction}${cdr.attempt > 1 ? `, attempt ${cdr.attempt}` : ""})`],
    ["from", [cdr.from || "unknown", cdr.fromName].filter((part) => part !== "").join("  ")],
    [
      "to",
      [cdr.to, cdr.did !== "" && cdr.did !== cdr.to ? `DID ${cdr.did}` : ""].filter((part) => part !== "").join("  "),
    ],
    ["diverted by", cdr.diversion],
    ["trunk", cdr.trunk],
    ["agent", cdr.agent === "" ? "none: the call was refused" : `${cdr.agent} (${cdr.language}, ${cdr.codec})`],
    ["started", cdr.started],
    ["ended", cdr.ended === null ? "" : `${cdr.ended} (${lengthText(cdr)})`],
    ["next", nextText(cdr)],
    ["hang-up", cdr.hangupCause ?? ""],
    ["keys", cdr.keys],
    [
      "recording",
      recording ? `${recording.path ?? "none"} (consent: ${recording.consent}, pauses: ${recording.pauses})` : "",
    ],
    ["stood in", cdr.fallbacks.join(", ")],
    ...cdr.usage.map((usage) => ["used", usageText(usage)] as const),
    ...outcomeFacts(cdr.outcome),
    ["told", cdr.webhook],
    ...cdr.notes.map((note) => ["note", note] as const),
  ];
  const shown = facts
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name.padEnd(12)} ${printable(value)}\n`);
  const turns = cdr.words ? cdr.turns.map(turnText) : ["\nThe words are no longer kept.\n"];
  return shown.join("") + turns.join("");
}

function outcomeFacts(outcome: Cdr["outcome"]): (readonly [string, string])[] {
  if (!outcome) return [];
  const { state, summary, fields, problems } = outcome;
  return [
    ["outcome", [state, ...problems].join("; ")],
    ["summary", summary],
    ...Object.entries(fields).map(([name, value]) => [`  ${name}`, value === null ? "" : String(value)] as const),
  ];
}

function usageText({
  provider,
  requests,
  inputTokens,
  cachedTokens,
  outputTokens,
  characters,
  cost,
}: CdrUsage): string {
  const tokens = `${inputTokens} tokens in (${cachedTokens} of them kept), ${outputTokens} out`;
  const took = characters > 0 ? `${characters} characters` : tokens;
  return `${provider}: ${requests} requests, ${took}${cost === null ? "" : `, cost ${cost.toFixed(4)}`}`;
}

function turnText(turn: CdrTurn): string {
  const { latencyMs, interrupted, tools, bargeInMs } = turn;
  const stages = Object.entries(latencyMs).map(([stage, ms]) => `${stage.replace(/Ms$/, "")} ${Math.round(ms)}`);
  const lines = [];
  if (turn.caller !== "") lines.push(`caller: ${turn.caller}`);
  if (turn.agent !== "") lines.push(`agent:  ${turn.agent}`);
  if (interrupted)
    lines.push(
      `        interrupted${bargeInMs === null ? "" : ` after ${Math.round(bargeInMs)} ms`}; heard: ${turn.heard || "nothing"}`,
    );
  if (tools.length > 0) lines.push(`        tools: ${tools.join(", ")}`);
  if (stages.length > 0) lines.push(`        ${stages.join(", ")} (ms)`);
  return `\n${lines.map((line) => `${printable(line)}\n`).join("")}`;
}
