import { describe, expect, test } from "vitest";
import type { Log } from "../../src/base/log.ts";
import { Pool, type Start } from "../../src/supervisor/pool.ts";
import type { SupervisorSettings } from "../../src/supervisor/protocol.ts";
import { VirtualClock } from "../support/virtual-clock.ts";
import { FakeProcess, SETTINGS } from "./fake-process.ts";

/** What is new has lived so long that what is old may go. */
const PROVEN_MS = 2100;

class House {
  readonly clock = new VirtualClock();
  readonly started: { readonly start: Start; readonly process: FakeProcess }[] = [];
  readonly said: { readonly message: string; readonly delayMs?: number }[] = [];
  readonly pool: Pool;
  build = "old";
  losses = 0;
  remembered: readonly number[] = [];
  exitCode: number | undefined;

  constructor(settings: Partial<SupervisorSettings> = {}) {
    const say = (fields: object, message: string): void => void this.said.push({ ...fields, message });
    const log: Log = { debug: say, info: say, warn: say, error: say, child: () => log };
    const nothing = (): void => undefined;
    this.pool = new Pool({
      ...{ clock: this.clock, log, settings: { ...SETTINGS, ...settings } },
      start: (start) => {
        const process = new FakeProcess(this.clock);
        this.started.push({ start, process });
        return process;
      },
      build: () => this.build,
      random: () => 0.5,
      ...{ onReady: nothing, onEnd: nothing },
      onCrew: (pids) => {
        this.remembered = pids;
      },
      onLoss: () => {
        this.losses++;
      },
    });
    void this.pool.ended.then((code) => {
      this.exitCode = code;
    });
  }

  /** The nth process that was started. */
  nth(index: number): FakeProcess {
    const found = this.started[index - 1]?.process;
    if (!found) throw new Error(`only ${this.started.length} workers were started`);
    return found;
  }

  /** All that are up get ready, one after the other as they are started. */
  async up(): Promise<void> {
    this.pool.start();
    for (let index = 0; index < this.started.length; index++) this.started[index]?.process.ready();
    await this.clock.advance(200);
  }

  heard = (text: string): boolean => this.said.some(({ message }) => message.includes(text));
}

async function houseOf(workers: number, settings: Partial<SupervisorSettings> = {}): Promise<House> {
  const house = new House({ workers, ...settings });
  await house.up();
  return house;
}

describe("several workers", () => {
  test("are started after the first has shown that the configuration is sound", async () => {
    const house = new House({ workers: 3 });
    house.pool.start();
    await house.clock.advance(5000);
    expect(house.started).toHaveLength(1);
    house.nth(1).ready();
    await house.clock.advance(100);
    expect(house.started.map(({ start }) => start.slot)).toEqual([1, 2, 3]);
    expect(house.started.map(({ start }) => start.restarts)).toEqual([0, 1, 1]);
  });

  test("know of each other, and of the calls that each has, a moment after these have changed", async () => {
    const house = await houseOf(3);
    expect(house.nth(1).siblings).toEqual([1, 2, 3]);
    expect(house.remembered).toEqual(house.started.map(({ process }) => process.pid));
    house.nth(2).calls = 7;
    house.nth(2).says({ type: "beat", calls: 7, memoryMb: 100 });
    await house.clock.advance(20);
    for (const { process } of house.started)
      expect(process.told.findLast(({ type }) => type === "siblings")).toMatchObject({
        workers: [{ calls: 0 }, { slot: 2, calls: 7 }, { calls: 0 }],
      });
  });

  test("one that dies leaves the others alone, and another takes its place as soon as its callers had the processor for a moment", async () => {
    const house = await houseOf(2);
    house.nth(1).exits(null, "SIGKILL");
    await house.clock.advance(20);
    expect(house.nth(2).siblings).toEqual([2]);
    expect(house.nth(2).gone).toBe(false);
    await house.clock.advance(970);
    expect(house.started).toHaveLength(2);
    await house.clock.advance(10);
    expect(house.started).toHaveLength(3);
    expect(house.losses).toBe(0);
    house.nth(3).ready();
    await house.clock.advance(20);
    expect(house.nth(2).siblings).toEqual([1, 2]);
  });

  test("when all have died, callers are in the menu and the service says so", async () => {
    const house = await houseOf(2);
    house.nth(1).exits(null, "SIGKILL");
    house.nth(2).exits(null, "SIGKILL");
    expect(house.losses).toBe(1);
  });

  test("a caller whom one had is counted by the others as well", async () => {
    const house = await houseOf(3);
    house.nth(2).says({ type: "came", caller: "somebody" });
    expect(house.started.map(({ process }) => process.wasTold("came"))).toEqual([true, false, true]);
  });
});

describe("a worker that hangs", () => {
  test("is killed 700 ms after its last beat, and no other is", async () => {
    const house = await houseOf(2);
    house.nth(2).calls = 1;
    await house.clock.advance(100);
    house.nth(2).hangs = true;
    await house.clock.advance(650);
    expect(house.nth(2).killed).toBe(false);
    await house.clock.advance(150);
    expect(house.nth(2).killed).toBe(true);
    expect(house.nth(1).killed).toBe(false);
  });

  test("without a caller, in its first seconds, is given three times as long: to kill it would have the next one begin with the same", async () => {
    const house = await houseOf(1);
    house.nth(1).hangs = true;
    await house.clock.advance(1900);
    expect(house.nth(1).killed).toBe(false);
    await house.clock.advance(400);
    expect(house.nth(1).killed).toBe(true);
    const old = await houseOf(1);
    await old.clock.advance(6000);
    old.nth(1).hangs = true;
    await old.clock.advance(850);
    expect(old.nth(1).killed).toBe(true);
  });

  test("because it reads the configuration again, as it was told, may do so for a second; one that does not come back from it is killed", async () => {
    const house = await houseOf(2);
    for (const { process } of house.started) process.calls = 3;
    await house.clock.advance(6000);
    void house.pool.reload();
    house.nth(1).hangs = true;
    await house.clock.advance(1800);
    expect(house.nth(1).killed).toBe(false);
    house.nth(1).hangs = false;
    // The next one is told when the first has had its time.
    await house.clock.advance(1000);
    expect(house.nth(2).wasTold("reload")).toBe(true);
    house.nth(2).hangs = true;
    await house.clock.advance(2400);
    expect([house.nth(1).killed, house.nth(2).killed]).toEqual([false, true]);
    // And nobody is excused for long.
    await house.clock.advance(3000);
    house.nth(1).hangs = true;
    await house.clock.advance(850);
    expect(house.nth(1).killed).toBe(true);
  });

  test("while it starts is given time, but not for ever", async () => {
    const house = new House({ startSeconds: 2 });
    house.pool.start();
    await house.clock.advance(1900);
    expect(house.nth(1).killed).toBe(false);
    await house.clock.advance(200);
    expect(house.nth(1).killed).toBe(true);
    expect(house.heard("did not get ready in time")).toBe(true);
  });
});

describe("a worker that dies again and again", () => {
  test("is started soon, then after pauses that grow, and soon again when it has lived for a minute", async () => {
    const house = await houseOf(1);
    const die = async (livesMs: number): Promise<number | undefined> => {
      await house.clock.advance(livesMs);
      const last = house.nth(house.started.length);
      last.exits(9);
      await house.clock.advance(10_000);
      house.nth(house.started.length).ready();
      return house.said.findLast(({ message }) => message.includes("it is started again"))?.delayMs;
    };
    expect([await die(10), await die(10), await die(10)]).toEqual([250, 250, 375]);
    expect(await die(70_000)).toBe(250);
  });

  test("before it ever worked, and says that starting is no use, ends the service", async () => {
    const house = new House({ workers: 2 });
    house.pool.start();
    house.nth(1).says({ type: "failed", message: "the port is taken", exitCode: 3 });
    house.nth(1).exits(3);
    await house.clock.advance(10);
    expect(house.exitCode).toBe(3);
    expect(house.started).toHaveLength(1);
  });
});

describe("an upgrade", () => {
  test("puts new workers in place one by one; the old ones' calls may end", async () => {
    const house = await houseOf(2);
    house.build = "new";
    const reloaded = house.pool.reload();
    await house.clock.advance(50);
    expect(house.started).toHaveLength(3);
    // Nobody leaves before the next one takes calls.
    expect(house.nth(1).wasTold("drain")).toBe(false);
    house.nth(3).ready();
    await house.clock.advance(1900);
    expect(house.nth(1).wasTold("drain")).toBe(false);
    await house.clock.advance(150);
    expect(house.nth(1).wasTold("drain")).toBe(true);
    expect(house.nth(2).wasTold("drain")).toBe(false);
    house.nth(4).ready();
    await house.clock.advance(PROVEN_MS);
    expect(await reloaded).toBe(true);
    expect(house.nth(2).wasTold("drain")).toBe(true);
    expect(house.started.slice(2).map(({ start }) => [start.slot, start.build])).toEqual([
      [1, "new"],
      [2, "new"],
    ]);
    // Those that leave are still watched, and end by themselves.
    expect(house.nth(3).siblings).toEqual([1, 2]);
    house.nth(1).exits(0);
    house.nth(2).exits(0);
    await house.clock.advance(1000);
    expect(house.started).toHaveLength(4);
  });

  test("to something that does not start leaves the old workers where they are", async () => {
    const house = await houseOf(2);
    house.build = "broken";
    const reloaded = house.pool.reload();
    await house.clock.advance(1);
    house.nth(3).exits(1);
    expect(await reloaded).toBe(false);
    await house.clock.advance(60_000);
    expect(house.started).toHaveLength(3);
    expect([house.nth(1).wasTold("drain"), house.nth(2).wasTold("drain")]).toEqual([false, false]);
    expect(house.heard("the old ones stay")).toBe(true);
  });

  test("to something that dies as soon as it takes calls leaves the old workers where they are", async () => {
    const house = await houseOf(2);
    house.build = "broken";
    const reloaded = house.pool.reload();
    await house.clock.advance(1);
    house.nth(3).ready();
    await house.clock.advance(50);
    // Both take calls until it has shown that it lives.
    expect(house.nth(2).siblings).toEqual([1, 1, 2]);
    await house.clock.advance(1000);
    house.nth(3).exits(1);
    expect(await reloaded).toBe(false);
    await house.clock.advance(60_000);
    expect(house.started).toHaveLength(3);
    expect([house.nth(1).wasTold("drain"), house.nth(2).wasTold("drain")]).toEqual([false, false]);
    expect(house.nth(2).siblings).toEqual([1, 2]);
    expect(house.heard("the old ones stay")).toBe(true);
  });

  test("in whose middle the service stops keeps nobody waiting", async () => {
    const house = await houseOf(1);
    house.build = "new";
    const reloaded = house.pool.reload();
    await house.clock.advance(1);
    house.nth(2).ready();
    await house.clock.advance(500);
    house.pool.drain();
    await reloaded;
    expect([house.nth(1).wasTold("drain"), house.nth(2).wasTold("drain")]).toEqual([true, true]);
    expect(house.heard("the old ones stay")).toBe(false);
  });

  test("in whose middle the old worker dies has the new one in its place", async () => {
    const house = await houseOf(1);
    house.build = "new";
    const reloaded = house.pool.reload();
    await house.clock.advance(1);
    house.nth(1).exits(null, "SIGKILL");
    house.nth(2).ready();
    await house.clock.advance(PROVEN_MS);
    expect(await reloaded).toBe(true);
    await house.clock.advance(1000);
    expect(house.started).toHaveLength(2);
    expect(house.nth(2).siblings).toEqual([1]);
  });

  test("in whose middle both die begins anew", async () => {
    const house = await houseOf(1);
    house.build = "new";
    const reloaded = house.pool.reload();
    await house.clock.advance(1);
    house.nth(1).exits(null, "SIGKILL");
    house.nth(2).exits(1);
    await reloaded;
    await house.clock.advance(1000);
    expect(house.started).toHaveLength(3);
  });

  test("an old worker that does not leave when its time is over is killed", async () => {
    const house = await houseOf(1);
    house.build = "new";
    void house.pool.reload();
    await house.clock.advance(1);
    house.nth(2).ready();
    await house.clock.advance(PROVEN_MS + 22_000);
    expect(house.nth(1).killed).toBe(false);
    await house.clock.advance(2000);
    expect(house.nth(1).killed).toBe(true);
  });
});

describe("a changed configuration", () => {
  test("is read by the workers that are up, and replaces nobody", async () => {
    const house = await houseOf(2);
    void house.pool.reload();
    const told = () => house.started.map(({ process }) => process.wasTold("reload"));
    expect(told()).toEqual([true, false]);
    house.nth(1).says({ type: "configured", snapshot: {}, settings: { ...SETTINGS, workers: 2 } });
    await house.clock.advance(10);
    // One that finds faults says nothing, and is not waited for.
    await house.clock.advance(3000);
    expect(told()).toEqual([true, true]);
    expect(house.started).toHaveLength(2);
  });

  test("in what holds for a process's life, replaces all, each once", async () => {
    const house = await houseOf(2);
    house.nth(1).says({ type: "outdated", keys: ["engines"] });
    house.nth(2).says({ type: "outdated", keys: ["engines"] });
    for (let index = 3; index <= 4; index++) {
      await house.clock.advance(PROVEN_MS);
      house.nth(index).ready();
    }
    await house.clock.advance(5000);
    expect(house.started).toHaveLength(4);
  });

  test.each([
    [3, 3, 0],
    [1, 2, 1],
  ])("that wants %i instead of two workers gets them", async (workers, started, leaving) => {
    const house = await houseOf(2);
    const settings = { ...SETTINGS, workers };
    house.nth(1).says({ type: "configured", snapshot: {}, settings });
    house.nth(2).says({ type: "configured", snapshot: {}, settings });
    await house.clock.advance(100);
    expect(house.started).toHaveLength(started);
    expect(house.started.filter(({ process }) => process.wasTold("drain"))).toHaveLength(leaving);
  });
});

describe("a worker that leaks", () => {
  test("is replaced when it stays above the limit, and its calls may end", async () => {
    const house = await houseOf(2, { memoryMb: 500 });
    house.nth(2).memoryMb = 501;
    await house.clock.advance(4000);
    house.nth(2).memoryMb = 400;
    await house.clock.advance(4000);
    expect(house.started).toHaveLength(2);
    house.nth(2).memoryMb = 600;
    await house.clock.advance(6000);
    expect(house.started).toHaveLength(3);
    expect(house.started[2]?.start.slot).toBe(2);
    house.nth(3).ready();
    await house.clock.advance(PROVEN_MS);
    expect(house.nth(2).wasTold("drain")).toBe(true);
    expect(house.nth(1).wasTold("drain")).toBe(false);
    await house.clock.advance(10_000);
    expect(house.started).toHaveLength(3);
  });
});

describe("stopping", () => {
  test("lets the running calls end, and ends with the last worker", async () => {
    const house = await houseOf(2);
    house.pool.drain();
    expect(house.started.map(({ process }) => process.told.at(-1))).toEqual([
      { type: "drain", seconds: 20 },
      { type: "drain", seconds: 20 },
    ]);
    house.nth(1).exits(0);
    await house.clock.advance(100);
    expect(house.exitCode).toBeUndefined();
    house.nth(2).exits(0);
    await house.clock.advance(100);
    expect(house.exitCode).toBe(0);
    expect(house.started).toHaveLength(2);
  });

  test("in a hurry waits for no call, and kills whoever does not leave", async () => {
    const house = await houseOf(1);
    house.pool.drain();
    house.pool.hurry();
    expect(house.nth(1).wasTold("stop")).toBe(true);
    await house.clock.advance(3100);
    expect(house.nth(1).killed).toBe(true);
    expect(house.exitCode).toBe(0);
  });

  test("in the middle of a start leaves nothing behind", async () => {
    const house = new House();
    house.pool.start();
    house.pool.drain();
    await house.clock.advance(10);
    expect(house.nth(1).killed).toBe(true);
    expect(house.exitCode).toBe(0);
  });

  test("for the next supervisor leaves the workers to it", async () => {
    const house = await houseOf(2);
    house.pool.letGo();
    await house.clock.advance(60_000);
    expect(house.exitCode).toBe(0);
    expect(house.started.map(({ process }) => [process.isLetGo, process.killed])).toEqual([
      [true, false],
      [true, false],
    ]);
  });
});

describe("workers of a supervisor that has died", () => {
  const hello = { type: "hello", pid: 1, ready: true, leaving: false } as const;

  test("are watched again; places that nobody has are filled", async () => {
    const house = new House({ workers: 2 });
    const orphan = new FakeProcess(house.clock);
    house.pool.adopt(orphan, { ...hello, slot: 2, build: "old" });
    orphan.says({ type: "configured", snapshot: {}, settings: { ...SETTINGS, workers: 2 } });
    await house.clock.advance(100);
    // There may be more of them.
    expect(house.started).toEqual([]);
    house.pool.start();
    expect(house.started.map(({ start }) => start.slot)).toEqual([1]);
    expect(orphan.wasTold("reload")).toBe(true);
    await house.clock.advance(2400);
    // It does not beat.
    expect(orphan.killed).toBe(true);
  });

  test("that run another program are replaced", async () => {
    const house = new House();
    const orphan = new FakeProcess(house.clock);
    house.pool.adopt(orphan, { ...hello, slot: 1, build: "older" });
    orphan.ready();
    await house.clock.advance(100);
    house.nth(1).ready();
    await house.clock.advance(PROVEN_MS);
    expect(orphan.wasTold("drain")).toBe(true);
    expect(house.nth(1).siblings).toEqual([1]);
  });

  test("that let their calls end go on doing so", async () => {
    const house = await houseOf(1);
    const orphan = new FakeProcess(house.clock);
    house.pool.adopt(orphan, { ...hello, slot: 1, build: "old", leaving: true });
    orphan.ready();
    expect(orphan.wasTold("drain")).toBe(true);
    await house.clock.advance(100);
    orphan.exits(0);
    await house.clock.advance(100);
    expect(house.started).toHaveLength(1);
  });
});
