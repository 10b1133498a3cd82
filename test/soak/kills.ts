import { prepareAsterisk } from "../../deploy/engines/asterisk.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { TwoServices } from "./two-services.ts";

export interface Killed {
  readonly ok: boolean;
  readonly kills: number;
  /** Calls whose worker was killed under them. */
  readonly calls: number;
  readonly lost: number;
  readonly resumed: number;
  readonly menu: number;
  readonly records: number;
  /** Of the resumed ones. */
  readonly p95Ms: number;
}

const CALLS_A_KILL = 6;
const KILL_MS = 120_000;
/** Of the calls that were hit, with another worker up. */
const RESUMED_SHARE = 0.99;

/** So many calls lose their worker in mid-sentence on a real Asterisk, six at a time. */
export async function kills({ kills: wanted, say }: { kills: number; say: (line: string) => void }): Promise<Killed> {
  const sum = { kills: 0, calls: 0, lost: 0, menu: 0, placed: 0 };
  const resumedMs: number[] = [];
  if (wanted === 0) return { ok: true, ...sum, resumed: 0, records: 0, p95Ms: 0 };
  const install = await prepareAsterisk({ progress: say });
  await preparePackages(["pocketsphinx", "pocketsphinx-en-us"], { progress: say });
  await using two = await TwoServices.start(install);
  while (sum.calls < wanted) {
    const kill = await two.kill(CALLS_A_KILL, AbortSignal.timeout(KILL_MS));
    sum.kills++;
    sum.placed += CALLS_A_KILL;
    sum.calls += kill.calls;
    sum.lost += kill.lost;
    sum.menu += kill.menu;
    resumedMs.push(...kill.resumedMs);
    say(
      `kills: ${sum.calls} of ${wanted} calls hit, ${sum.lost} lost, ${resumedMs.length} resumed, ${sum.menu} in the menu`,
    );
  }
  const records = (await two.records()).filter(({ ended }) => ended !== null).length;
  const sorted = resumedMs.toSorted((a, b) => a - b);
  const p95Ms = Math.round(sorted[Math.floor(0.95 * (sorted.length - 1))] ?? 0);
  const enough = resumedMs.length >= RESUMED_SHARE * sum.calls;
  const ok = sum.lost === 0 && records === sum.placed && enough;
  return { ok, ...sum, resumed: resumedMs.length, records, p95Ms };
}
