import { afterEach, describe, expect, inject, test } from "vitest";
import { type Killed, kills } from "../soak/kills.ts";
import { asteriskStage } from "../soak/stages.ts";
import type { Stage } from "../support/stage.ts";

const install = inject("asterisk");

// Of the calls; nothing here is measured in milliseconds: that is the bench's (failover_kill_ms).
describe.skipIf(!install)("workers that are killed in mid-sentence", () => {
  let stage: Stage | undefined;

  afterEach(async () => {
    await stage?.[Symbol.asyncDispose]();
    stage = undefined;
  });

  async function killed(
    name: string,
    { workers, ...rest }: { workers: number; kills: number; callers: number; atOnce: number; up: number },
  ): Promise<Killed> {
    if (!install) throw new Error("without Asterisk this is skipped");
    stage = await asteriskStage(install, workers);
    const say = () => {};
    const options = { ...rest, name, say, seconds: 600, signal: new AbortController().signal };
    const result = await kills(stage, options);
    process.stdout.write(
      `${name}: ${result.kills} kills in ${result.seconds} s cost ${result.calls} agents, ${result.midSentence} callers in mid-sentence; ${result.resumed} resumed (p50, p95, p99, most: ${result.resumedMs.join(", ")} ms), ${result.anew} greeted anew, ${result.menu} in the menu (${result.menuMs.join(", ")}), ${result.twice} after the second (${result.twiceMs.join(", ")}); ${result.lost} lost, ${result.silent} silent, ${result.unclear} not told by ear; ${result.answered} answered, ${result.late} late, ${result.strayed} strayed\n`,
    );
    return result;
  }

  test("where there is one alone: none of 12 callers loses the call, each is in the static menu", {
    timeout: 240_000,
  }, async () => {
    const result = await killed("one worker", { workers: 1, kills: 3, callers: 4, atOnce: 1, up: 1 });
    expect(result).toMatchObject({ lost: 0, silent: 0, recordFaults: [], leftOver: 0, resumed: 0, menu: 12 });
  });

  test("30 times, two of five at once: no call is lost, others go on with it, or the menu, and each has one record", {
    timeout: 480_000,
  }, async () => {
    const result = await killed("five workers", { workers: 5, kills: 30, callers: 6, atOnce: 2, up: 3 });
    expect(result).toMatchObject({ lost: 0, silent: 0, recordFaults: [], leftOver: 0 });
    expect(result.kills).toBeGreaterThanOrEqual(30);
    expect(result.resumed).toBeGreaterThan(result.menu);
  });
});
