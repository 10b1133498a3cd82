import { join } from "node:path";
import { plainNumber } from "../call/number.ts";
import { type JournalDisk, realDisk } from "./journal-disk.ts";
import { journalsIn } from "./journal-folder.ts";
import { JournalLines } from "./journal-lines.ts";

export interface ErasedJournals {
  readonly removed: number;
  /** With this secret nobody can say whose they are. */
  readonly unread: number;
}

/** A call that is up has written something within this time; its journal goes with it. */
const UP_MS = 3_600_000;

/** Removes the journals that calls of this number have left behind when nobody went on with them. */
export async function eraseJournals(
  { dir, secret, disk = realDisk }: { readonly dir: string; readonly secret?: string | undefined; disk?: JournalDisk },
  { number, nowMs, up }: { number: string; nowMs: number; up: boolean },
): Promise<ErasedJournals> {
  const lines = new JournalLines(secret);
  const erased = { removed: 0, unread: 0 };
  for (const name of await journalsIn(dir, disk)) {
    const path = join(dir, name);
    // One that ends in this moment is gone, and that is what is wanted.
    const text = await disk.read(path);
    if (text === undefined) continue;
    const read = lines.read(text, name);
    if (!read) erased.unread++;
    if (!read || plainNumber(read.began.party) !== plainNumber(number)) continue;
    const changedAt = (await disk.changedAt(path)) ?? 0;
    if (up && nowMs - changedAt < UP_MS) continue;
    await disk.remove(path);
    erased.removed++;
  }
  return erased;
}
