import type { RawRecording } from "./recording.ts";

/** What a pattern may name, by the host's own time: nothing of it is said by a caller. */
export const PATH_FIELDS = ["year", "month", "day", "time", "call"] as const;

const FIELD = /\{(\w+)\}/g;
const MAX_CALL = 150;

/** Why this is no pattern for recordings' paths; undefined when it is one. */
export function whyNoPattern(pattern: string): string | undefined {
  const fields = [...pattern.matchAll(FIELD)].map(([, field]) => field ?? "");
  const unknown = fields.find((field) => !PATH_FIELDS.some((known) => known === field));
  if (unknown !== undefined)
    return `there is no {${unknown}}; there are ${PATH_FIELDS.map((field) => `{${field}}`).join(", ")}`;
  // A call that comes back to the agent is recorded twice: the time tells the two apart.
  if (!fields.includes("call") || !fields.includes("time")) return "it must have {time} and {call} in it";
  if (pattern.split("/").some((part) => part === "" || part.startsWith(".")))
    return "a path below the recordings' folder, none of its parts empty or beginning with a dot";
  return undefined;
}

/** The WAV file's path below the recordings' folder. */
export function recordingPath(pattern: string, { call, startedEpochSeconds }: RawRecording): string {
  const at = new Date(startedEpochSeconds * 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const fields: Readonly<Record<string, string>> = {
    year: String(at.getFullYear()),
    month: two(at.getMonth() + 1),
    day: two(at.getDate()),
    time: two(at.getHours()) + two(at.getMinutes()) + two(at.getSeconds()),
    // Ids are plain; should a PBX have others, no part of them is a path of its own.
    call: call.replace(/[^A-Za-z0-9._-]/g, "_").slice(0, MAX_CALL),
  };
  return `${pattern.replace(FIELD, (all, field: string) => fields[field] ?? all)}.wav`;
}
