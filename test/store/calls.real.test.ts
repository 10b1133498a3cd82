import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";
import { linesIn } from "./support.ts";

const NUMBER = "4100";

const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx"))("calls through a real Asterisk", () => {
  let whole: WholeService;

  beforeAll(async () => {
    if (install) whole = await startWholeService(install, { settings: { supervisor: { restartMaxMs: 250 } } });
  });
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
  });

  const dir = () => join(whole.dir, "state", "records");

  async function calls(): Promise<Cdr[]> {
    const database = openReading(dir());
    try {
      return database ? (await listCalls(database.db, { limit: 100 })).reverse() : [];
    } finally {
      database?.close();
    }
  }

  /** A call that hears the greeting begin; then the caller hangs up, or the worker is killed. */
  async function call({ killed }: { killed: boolean }): Promise<void> {
    const { phone, service, menu } = whole;
    const signal = AbortSignal.timeout(20_000);
    await service.ready(signal);
    const pid = await service.workerPid();
    const leg = await phone.call(NUMBER, { codec: "ulaw", signal });
    try {
      await leg.answered;
      await leg.heard.soundFor({ ms: 400, sinceMs: leg.times.answeredMs ?? 0, signal });
      if (!killed) return;
      const killedMs = systemClock.now();
      process.kill(pid, "SIGKILL");
      const heard = { sound: menu, sinceMs: killedMs, withinMs: 5000, clock: systemClock, signal };
      expect(await heardSound(leg, heard), "the menu was heard").toBeDefined();
    } finally {
      await leg.hangUp();
    }
  }

  test("five of them, with kills in between, leave exactly one record each", { timeout: 120_000 }, async () => {
    const kills = [false, true, false, true, true];
    for (const killed of kills) await call({ killed });
    await expect
      .poll(async () => (await calls()).filter(({ ended }) => ended !== null).length, { timeout: 10_000 })
      .toBe(5);
    const records = await calls();
    expect(records).toHaveLength(5);
    expect(new Set(records.map(({ id }) => id)).size).toBe(5);
    expect(records.map(({ next }) => next)).toEqual(
      kills.map((killed) => (killed ? { next: "menu", reason: "lost" } : { next: "hangup" })),
    );
    expect(records.map(({ hangupCause }) => hangupCause)).toEqual(kills.map((killed) => (killed ? null : "normal")));
    for (const record of records) {
      expect(record).toMatchObject({
        engine: "asterisk",
        agent: "reception",
        from: "caller",
        did: NUMBER,
        codec: "ulaw",
      });
      expect(record.answered, "the agent was on the line").not.toBeNull();
    }
    await expect.poll(() => linesIn(dir()).length, { timeout: 10_000 }).toBe(5);
    expect(
      linesIn(dir())
        .map(({ id }) => id)
        .sort(),
    ).toEqual(records.map(({ id }) => id).sort());
  });
});
