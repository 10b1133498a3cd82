import { expect, test } from "vitest";
import { OutsideError } from "../../../src/base/errors.ts";
import type { Fault } from "../../../src/cli/chaos/faults.ts";
import { chaos } from "../../../src/cli/chaos/run.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const worker = { worker: 1, pid: 11, calls: 0, taking: true };

/** Two faults on a service of one worker that nobody can call. */
async function played({ leaves }: { leaves: boolean }) {
  const clock = new VirtualClock();
  let alive = true;
  const struck: string[] = [];
  const fault = (name: string): Fault => ({
    name,
    mustHit: true,
    strike() {
      struck.push(name);
      return async () => {};
    },
  });
  const playing = chaos({
    phone: {
      call() {
        alive = !leaves;
        return Promise.reject(new OutsideError("busy", "4100 is busy"));
      },
    },
    target: "4100",
    service: { size: 1, workers: async () => [worker], calls: async () => [], isAlive: () => alive },
    menu: new Int16Array(),
    clock,
    signal: new AbortController().signal,
    callers: 2,
    faults: [fault("first"), fault("second")],
    field: { stateDir: "/" },
    progress: () => {},
  });
  await clock.advance(120_000);
  return { ...(await playing), struck };
}

test("where nobody can be called nothing is struck, and each row says why", async () => {
  const { ok, rows, struck } = await played({ leaves: false });
  expect({ ok, struck }).toEqual({ ok: false, struck: [] });
  expect(rows.map(({ fault, wrong }) => ({ fault, wrong }))).toEqual([
    { fault: "first", wrong: ["4100 is busy"] },
    { fault: "second", wrong: ["4100 is busy"] },
  ]);
});

test("a service that does not come back is struck no more", async () => {
  const { ok, rows } = await played({ leaves: true });
  expect(ok).toBe(false);
  expect(rows[0]?.wrong).toContain("the service has not got its 1 workers back within 40 s");
  expect(rows[1]?.skipped).toBe('after "first" the service was not whole');
});
