import { OutsideError } from "../../base/errors.ts";

/** The ids of all channels. */
export async function livingCalls(api: (command: string) => Promise<string>): Promise<ReadonlySet<string>> {
  const answer = await api("show channels as json");
  const rows = rowsIn(answer);
  // Taking an answer that cannot be read for "no calls" would take recordings from calls that are up.
  if (!rows) throw new OutsideError("protocol", "FreeSWITCH's list of channels cannot be read.");
  return new Set(rows);
}

function rowsIn(text: string): string[] | undefined {
  try {
    const { row_count: count, rows = [] } = JSON.parse(text) as { row_count?: unknown; rows?: { uuid?: unknown }[] };
    if (typeof count !== "number" || !Array.isArray(rows)) return undefined;
    return rows.flatMap(({ uuid }) => (typeof uuid === "string" ? [uuid] : []));
  } catch {
    return undefined;
  }
}
