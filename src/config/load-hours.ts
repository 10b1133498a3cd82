import type { Hours } from "../call/hours.ts";
import type { AgentConfig } from "./config.ts";
import type { Fault } from "./fault.ts";
import type { Files } from "./files.ts";
import { hoursOf } from "./hours.ts";
import { name as pathName } from "./issues.ts";
import { nearest } from "./nearest.ts";
import type { ServiceSettings } from "./schema.ts";
import type { YamlFile } from "./yaml-file.ts";

/** Every entry of `hours`, with what its calendars say. */
export function readHours(
  settings: ServiceSettings | undefined,
  file: YamlFile,
  { folder, files, faults }: { folder: string; files: Files; faults: Fault[] },
): Record<string, Hours> {
  const entries = Object.entries(settings?.hours ?? {}).map(([entry, given]) => {
    const fault = (key: string, problem: string): void => {
      const path = ["hours", entry, key];
      faults.push({ file: file.path, ...file.placeOf(path), problem: `${pathName(path)}: ${problem}` });
    };
    return [entry, hoursOf(given, { folder, files, fault })] as const;
  });
  return Object.fromEntries(entries);
}

/** Hours that nobody has written would be found out by a caller, at night. */
export function checkHours(
  settings: ServiceSettings | undefined,
  agents: Readonly<Record<string, AgentConfig>>,
  file: YamlFile,
  faults: Fault[],
): void {
  if (!settings) return;
  const known = Object.keys(settings.hours);
  const problemOf = (path: readonly string[], found: string): string | undefined => {
    if (known.includes(found)) return undefined;
    const likely = nearest(found, known);
    const allowed = known.length > 0 ? `one of hours: ${known.join(", ")}` : "a name of hours, and there is none";
    return `${pathName(path)}: found "${found}"; expected ${allowed}${likely ? `. Did you mean "${likely}"?` : ""}`;
  };
  for (const [target, { hours }] of Object.entries(settings.people)) {
    const path = ["people", target, "hours"];
    const problem = hours === undefined ? undefined : problemOf(path, hours);
    if (problem) faults.push({ file: file.path, ...file.placeOf(path), problem });
  }
  for (const agent of Object.values(agents)) {
    const { hours, closed, targets } = agent;
    const problem = hours === undefined ? undefined : problemOf(["hours"], hours);
    if (problem) faults.push({ file: agent.file, line: 1, column: 1, problem });
    const next = closed?.next ?? "menu";
    if (["agent", "menu", "voicemail", "hangup", ...targets].includes(next)) continue;
    const expected = `agent, menu, voicemail, hangup or one of targets: ${targets.join(", ") || "none"}`;
    faults.push({
      file: agent.file,
      line: 1,
      column: 1,
      problem: `closed.next: found "${next}"; expected ${expected}`,
    });
  }
}
