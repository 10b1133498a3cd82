import { expect, test } from "vitest";
import { AriError } from "../../../src/engines/asterisk/ari.ts";
import { asteriskOptions } from "../../../src/engines/asterisk/options.ts";
import { beat, pulseFindings, shownBy } from "../../../src/engines/asterisk/pulse.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

/** The count that the dialplan gives up at is nine, ten times a second. */
const MISSED_MS = 800;

/** A manager interface that answers so late; `never`: not any more. */
function line({ answerMs }: { answerMs: number }) {
  const clock = new VirtualClock();
  const over = new AbortController();
  const beats: number[] = [];
  const state = { never: false, refuses: false };
  const setVariable = async (): Promise<void> => {
    beats.push(clock.now());
    if (state.refuses) throw new Error("no connection");
    if (state.never) return new Promise(() => {});
    await clock.sleep(answerMs);
  };
  const done = beat("sidetone-presence-1", { ami: { setVariable }, clock, signal: over.signal });
  return { clock, beats, state, over, done };
}

const longest = (beats: readonly number[]): number =>
  Math.max(...beats.slice(1).map((atMs, index) => atMs - (beats[index] ?? 0)));

test("a worker whose line is good is heard six times a second", async () => {
  const { clock, beats, over, done } = line({ answerMs: 5 });
  await clock.advance(3000);
  expect(beats.length).toBe(21);
  expect(longest(beats)).toBe(150);
  over.abort();
  await clock.advance(10);
  await done;
  expect(clock.pending).toBe(0);
});

test("a line that is slow, but not too slow for a call, is not taken for one that is cut", async () => {
  const { clock, beats } = line({ answerMs: 500 });
  await clock.advance(10_000);
  expect(longest(beats)).toBeLessThan(MISSED_MS);
});

test("a worker that hears nothing any more says nothing any more: its calls are taken back, whichever way the line is cut", async () => {
  const { clock, beats, state } = line({ answerMs: 5 });
  await clock.advance(1000);
  state.never = true;
  const before = beats.length;
  await clock.advance(5000);
  expect(beats.length).toBe(before + 1);
});

test("a manager interface that is away for a moment costs no call", async () => {
  const { clock, beats, state } = line({ answerMs: 5 });
  await clock.advance(300);
  state.refuses = true;
  await clock.advance(450);
  state.refuses = false;
  await clock.advance(450);
  expect(longest(beats)).toBe(150);
});

const optionsFor = (ari: object, more: object = {}) =>
  asteriskOptions.parse({ ari: { password: "x", ...ari }, ami: { password: "x" }, ...more });

test("a host beside an Asterisk elsewhere shows itself and is listened for; on the same machine only where somebody says so", () => {
  expect(shownBy(optionsFor({}))).toEqual({ presence: false, pulse: false });
  expect(shownBy(optionsFor({}, { presence: true }))).toEqual({ presence: true, pulse: false });
  expect(shownBy(optionsFor({ url: "wss://pbx.example:8089" }))).toEqual({ presence: true, pulse: true });
  const off = optionsFor({ url: "wss://pbx.example:8089" }, { presence: false });
  expect(shownBy(off).presence).toBe(false);
});

test("sidetone check says which module is missing for a cut network to be noticed", async () => {
  const options = optionsFor({ url: "wss://pbx.example:8089" });
  const ari = (has: string) => ({
    variable: async () => "",
    async request(_method: string, path: string) {
      if (!path.includes(has)) throw new AriError(404, `no ${path}`);
      return { status: "Running" };
    },
  });
  expect(await pulseFindings(ari("modules"), options)).toMatchObject([{ ok: true }]);
  expect(await pulseFindings(ari("app_waitforcond"), options)).toMatchObject([
    { ok: false, bearable: true, todo: expect.stringContaining("module load func_module.so") },
  ]);
  expect(await pulseFindings(ari("nothing"), optionsFor({}))).toEqual([]);
});
