import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { diskIsShared, fillDisk } from "../../../src/cli/chaos/disk.ts";
import { cutOf, FAULTS, NO_CUT } from "../../../src/cli/chaos/faults.ts";
import { busyProcesses, serviceProcess } from "../../../src/cli/chaos/processes.ts";
import { type RunningService, refuseWhileBusy, whole } from "../../../src/cli/chaos/service.ts";
import type { LiveCall } from "../../../src/server/live.ts";
import { SmallDisk } from "../../faults/small-disk.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const children: ChildProcess[] = [];
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }
});

/** A process that looks like a part of the service. */
async function started(role: string): Promise<{ child: ChildProcess; pid: number }> {
  const child = spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", role], { stdio: "ignore" });
  children.push(child);
  await once(child, "spawn");
  await expect.poll(() => readFileSync(`/proc/${child.pid}/cmdline`, "utf8")).toContain(role);
  return { child, pid: child.pid ?? 0 };
}

const stateOf = (pid: number): string => /^State:\s*(\S)/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "";
const fault = (name: string) => FAULTS.find((one) => one.name === name) ?? expect.fail(`no ${name}`);
const summary = (worker: number, pid: number, calls: number) => ({ worker, pid, calls, taking: true });

describe("the faults", () => {
  test("a kill takes the worker with the most calls, and no other", async () => {
    const [few, many] = [await started("worker"), await started("worker")];
    const exit = once(many.child, "exit");
    await fault("kill").strike({ stateDir: "/", workers: [summary(1, few.pid, 1), summary(2, many.pid, 2)] });
    expect(await exit).toEqual([null, "SIGKILL"]);
    expect(few.child.signalCode).toBeNull();
  });

  test("a worker that was stopped and lives goes on in the end", async () => {
    const { pid } = await started("worker");
    const undo = await fault("stop").strike({ stateDir: "/", workers: [summary(1, pid, 1)] });
    await expect.poll(() => stateOf(pid)).toBe("T");
    await undo();
    await expect.poll(() => stateOf(pid)).not.toBe("T");
  });

  test("a worker that is to have no more memory has its limit, and is let off in the end", async () => {
    // One that asks for none lives.
    const child = spawn("sleep", ["60"], { argv0: "worker", stdio: "ignore" });
    children.push(child);
    await once(child, "spawn");
    const pid = child.pid ?? 0;
    await expect.poll(() => readFileSync(`/proc/${pid}/cmdline`, "utf8")).toContain("worker");
    const limit = () => /^Max address space\s+(\S+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1];
    expect(limit()).toBe("unlimited");
    const undo = await fault("memory").strike({ stateDir: "/", workers: [summary(1, pid, 1)] });
    expect(limit()).toBe("1");
    await undo();
    expect(limit()).toBe("unlimited");
  });

  test("a network is cut and healed by what somebody has named, and by nothing else", async () => {
    const done: string[] = [];
    const cable = { name: "database", cut: async () => done.push("cut"), heal: async () => done.push("heal") };
    const undo = await cutOf(cable).strike({ stateDir: "/", workers: [] });
    expect(done).toEqual(["cut"]);
    await undo();
    expect(done).toEqual(["cut", "heal"]);
    expect(NO_CUT.impossible?.({ stateDir: "/", workers: [] })).toContain("--cut");
  });

  test("another program that has got the number of a worker is left alone", async () => {
    const { child, pid } = await started("something-else");
    expect(() => fault("kill").strike({ stateDir: "/", workers: [summary(1, pid, 1)] })).toThrow(/left alone/);
    expect(child.signalCode).toBeNull();
  });

  test("a process that has ended is no more signalled", async () => {
    const { child, pid } = await started("worker");
    const worker = serviceProcess(pid, "worker");
    const exit = once(child, "exit");
    expect(worker.signal("SIGKILL")).toBe(true);
    await exit;
    expect(worker.signal("SIGKILL")).toBe(false);
  });

  test("a supervisor that nobody would start again is left alone", async () => {
    const { pid } = await started("worker");
    expect(fault("supervisor").impossible?.({ stateDir: "/", workers: [summary(1, pid, 1)] })).toMatch(/no supervisor/);
  });

  test("a disk that others share is not filled", async () => {
    const folder = await mkdtemp(join(tmpdir(), "sidetone-chaos-test-"));
    expect(fault("disk full").impossible?.({ stateDir: folder, workers: [] })).toMatch(
      /not on a file system of its own/,
    );
    await rm(folder, { recursive: true });
  });

  test("a disk of the service's own is filled to the last byte, and freed again", async () => {
    await using disk = await SmallDisk.mount("2m");
    expect(diskIsShared(disk.path)).toBeUndefined();
    const free = await fillDisk(disk.path);
    expect(() => writeFileSync(join(disk.path, "record"), "x")).toThrow(/ENOSPC/);
    await free();
    writeFileSync(join(disk.path, "record"), "x");
    expect(readdirSync(disk.path)).toEqual(["record"]);
  });

  test("nothing is done to the PBX unless the administrator says what, and one that fails is told", async () => {
    const field = { stateDir: "/", workers: [] };
    expect(fault("pbx command").impossible?.(field)).toMatch(/--pbx-command/);
    const undo = await fault("pbx command").strike({
      ...field,
      pbx: () => Promise.reject(new Error("no such module")),
    });
    await expect(undo()).rejects.toThrow("no such module");
  });

  test("busy processes are gone when they are told to stop", async () => {
    const busy = busyProcesses(60_000);
    await busy.stop();
    const left = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, "utf8").split(" ").filter(Boolean);
    const lines = left.map((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8"));
    expect(lines.filter((line) => line.includes("hrtime.bigint() < end"))).toEqual([]);
  });
});

describe("a service with callers", () => {
  const service = (over: Partial<RunningService>): RunningService => ({
    size: 2,
    workers: async () => [],
    calls: async () => [],
    isAlive: () => true,
    ...over,
  });
  const call = {} as LiveCall;

  test("is left alone while they are on the line, unless told", async () => {
    const busy = service({ calls: async () => [call, call] });
    await expect(refuseWhileBusy(busy, false)).rejects.toThrow(/^2 calls are up.*--while-calls-are-up/);
    await expect(refuseWhileBusy(busy, true)).resolves.toBeUndefined();
    await expect(refuseWhileBusy(service({}), false)).resolves.toBeUndefined();
  });

  test("the next fault waits until all workers are alive and take calls", async () => {
    const clock = new VirtualClock();
    let answers = 0;
    const workers = [summary(1, 11, 0), summary(2, 22, 0)];
    const recovering = service({
      async workers() {
        answers++;
        if (answers === 1) throw new Error("nobody answers");
        return answers < 4 ? workers : [...workers.slice(0, 1), summary(2, 33, 0)];
      },
      isAlive: (pid) => pid !== 22,
    });
    const waiting = whole(recovering, { clock, signal: new AbortController().signal });
    await clock.advance(1000);
    expect((await waiting).map(({ pid }) => pid)).toEqual([11, 33]);
    expect(answers).toBe(4);
  });

  test("a service that does not come back ends it, with a sentence", async () => {
    const clock = new VirtualClock();
    const waiting = whole(service({}), { clock, signal: new AbortController().signal });
    const said = expect(waiting).rejects.toThrow(/has not got its 2 workers back/);
    await clock.advance(60_000);
    await said;
  });
});
