import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { type JournalDisk, realDisk } from "./journal-disk.ts";
import type { Fsync } from "./journal-file.ts";
import { JournalFolder } from "./journal-folder.ts";
import { openValkey, type ValkeySettings } from "./valkey-disk.ts";

export interface JournalSettings {
  readonly dir: string;
  readonly valkey?: ValkeySettings | undefined;
  readonly fsync: Fsync;
  readonly secret?: string | undefined;
}

/** Where journals are: the name of the place, and what reads and writes there. */
export interface JournalPlace {
  readonly dir: string;
  readonly disk: JournalDisk;
}

/** This machine's folder, or the server that several hosts share. Nothing is waited for. */
export async function journalPlace(
  { dir, valkey }: Pick<JournalSettings, "dir" | "valkey">,
  clock: Clock,
): Promise<JournalPlace> {
  return valkey ? { dir: valkey.url, disk: await openValkey(valkey, clock) } : { dir, disk: realDisk };
}

/** The journal that the configuration wants. */
export async function openJournal(
  settings: JournalSettings,
  parts: { readonly clock: Clock; readonly log: Log; readonly onFailure: () => void },
): Promise<JournalFolder> {
  const { fsync, secret } = settings;
  return new JournalFolder({ ...parts, ...(await journalPlace(settings, parts.clock)), fsync, secret });
}
