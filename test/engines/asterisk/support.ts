import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { createLog, type Log, silentLog } from "../../../src/base/log.ts";
import type { Engine, Leg } from "../../../src/call/engine.ts";
import { createAsterisk } from "../../../src/engines/asterisk/engine.ts";
import type { AsteriskOptions } from "../../../src/engines/asterisk/options.ts";
import type { FakeAsterisk } from "../../fakes/asterisk/fake-asterisk.ts";
import { optionsFor } from "../fake-harness.ts";

export interface Running {
  readonly engine: Engine;
  readonly legs: Leg[];
  /** Resolves with the leg after those that were there. */
  nextLeg(): Promise<Leg>;
  stop(): Promise<void>;
}

/** The machine's time, with every wait written down. */
export function watchedClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
    slept.push(ms);
    return systemClock.sleep(ms, signal);
  };
  return { ...systemClock, sleep, slept };
}

/** A log whose lines can be read. */
export function readableLog(): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  return { log: createLog({ level: "debug", destination: { write: (line) => void lines.push(line) } }), lines };
}

/** Runs an engine beside a fake; its legs stay until they end or are given back. */
export function runEngine(
  pbx: FakeAsterisk,
  {
    options = optionsFor(pbx),
    clock = systemClock,
    log = silentLog,
  }: { options?: AsteriskOptions; clock?: Clock; log?: Log } = {},
): Running {
  return watchEngine(createAsterisk(options, { clock, log }));
}

/** Runs any engine, and keeps its legs. */
export function watchEngine(engine: Engine): Running {
  const legs: Leg[] = [];
  const abort = new AbortController();
  const running = engine.run((leg) => {
    legs.push(leg);
    return ended(leg.signal);
  }, abort.signal);
  return {
    engine,
    legs,
    async nextLeg() {
      const count = legs.length;
      await until(() => legs.length > count, "a leg");
      return legs[count] as Leg;
    },
    async stop() {
      abort.abort();
      await running;
    },
  };
}

export const connected = ({ engine }: Running): Promise<void> =>
  until(() => engine.health.state === "connected", "the connection");

export const ended = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** Looks until it is so. */
export async function until(condition: () => boolean, what: string, timeoutMs = 5000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
