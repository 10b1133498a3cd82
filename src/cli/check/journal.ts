import { systemClock } from "../../base/clock.ts";
import { sentenceOf } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { openValkey } from "../../store/valkey-disk.ts";
import { type Finding, finding } from "./finding.ts";

const ABOUT = "journal";

/** Whether the server that several hosts share takes a journal, and gives it back. Nothing is said of a folder: it is made when it is needed. */
export async function checkJournal({ journal: { valkey, secret } }: Pick<Config, "journal">): Promise<Finding[]> {
  if (!valkey) return [];
  const disk = await openValkey(valkey, systemClock);
  const name = `check-${process.pid}-${systemClock.wall()}.tmp`;
  try {
    await disk.ready();
    const begunMs = systemClock.now();
    const file = await disk.create(name);
    await file?.write(Buffer.from("looked at\n"), 0);
    const same = (await disk.read(name)) === "looked at\n";
    await disk.remove(name);
    const tookMs = Math.round(systemClock.now() - begunMs);
    if (!same) return [finding("fail", ABOUT, `${valkey.url} does not give back what it was given.`)];
    return [
      finding("ok", ABOUT, `${valkey.url} takes a journal and gives it back, in ${tookMs} ms.`),
      ...unsealed(secret),
    ];
  } catch (error) {
    const todo = "Without it calls go on, but none outlives its host.";
    return [finding("fail", ABOUT, sentenceOf(error), todo)];
  } finally {
    await disk.close();
  }
}

const unsealed = (secret: string | undefined): Finding[] =>
  secret === undefined
    ? [
        finding(
          "warn",
          ABOUT,
          "What callers say stands there in the clear.",
          "Set journal.secret, the same on all hosts.",
        ),
      ]
    : [];
