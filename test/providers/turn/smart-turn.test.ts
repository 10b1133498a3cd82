import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { SmartTurn, smartTurnKnows } from "../../../src/providers/turn/smart-turn.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const STAND_IN = new URL("../../fakes/onnx-runtime.ts", import.meta.url).href;
const never = new AbortController().signal;

let dir: string;
let models: SmartTurn[];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sidetone-turn-"));
  models = [];
});
afterEach(async () => {
  await Promise.all(models.map((model) => model.close()));
  rmSync(dir, { recursive: true });
});

function open(
  content: string,
  { meant = content, runtimes = [STAND_IN] }: { meant?: string; runtimes?: string[] } = {},
) {
  const file = join(dir, "model.onnx");
  writeFileSync(file, content);
  const sha256 = createHash("sha256").update(meant).digest("hex");
  const model = new SmartTurn({ file, bytes: meant.length, sha256, clock: systemClock, log: silentLog, runtimes });
  models.push(model);
  return model;
}

/** Noise for a second, then what is asked about: more of it, or silence. */
function sound(rate: number, { ends }: { ends: boolean }) {
  const pcm = new Int16Array(rate * 2);
  for (let i = 0; i < (ends ? rate : pcm.length); i++) pcm[i] = ((i * 7_919) % 20_011) - 10_005;
  return { pcm, rate };
}

test.each([8_000, 16_000])(
  "of a call at %d Hz, the model is given what the caller said, and its answer comes back",
  async (rate) => {
    const model = open("judge");
    expect(await model.judge(sound(rate, { ends: true }), never)).toBeGreaterThan(0.9);
    const on = await model.judge(sound(rate, { ends: false }), never);
    expect(on).toBeGreaterThan(0.4);
    expect(on).toBeLessThan(0.6);
  },
);

test.each([
  ["has other bytes than were meant", "judga", /SHA-256/],
  ["was cut short", "judg", /4 bytes, not 5/],
])("a file that %s is not loaded", async (_, content, why) => {
  const model = open(content, { meant: "judge" });
  const judged = model.judge(sound(8_000, { ends: true }), never);
  await expect(judged).rejects.toMatchObject({ code: "missing", message: expect.stringMatching(why) });
  // Nobody is kept waiting for it again.
  await expect(model.judge(sound(8_000, { ends: true }), never)).rejects.toMatchObject({ code: "missing" });
});

test("a file that is not there, or that the runtime cannot read, is told as such", async () => {
  const broken = open("broken");
  await expect(broken.judge(sound(8_000, { ends: true }), never)).rejects.toThrow(/cannot be parsed/);
  rmSync(join(dir, "model.onnx"));
  const gone = new SmartTurn({
    file: join(dir, "model.onnx"),
    bytes: 5,
    sha256: "0".repeat(64),
    clock: systemClock,
    log: silentLog,
    runtimes: [STAND_IN],
  });
  models.push(gone);
  await expect(gone.judge(sound(8_000, { ends: true }), never)).rejects.toThrow(/is not there/);
});

test("without an ONNX runtime the administrator is told what to install; the second of the list is taken where there is one", async () => {
  const none = open("judge", { runtimes: ["no-such-runtime"] });
  await expect(none.judge(sound(8_000, { ends: true }), never)).rejects.toThrow(/npm install onnxruntime-node/);
  const second = open("judge", { runtimes: ["no-such-runtime", STAND_IN] });
  expect(await second.judge(sound(8_000, { ends: true }), never)).toBeGreaterThan(0.9);
});

test("an answer that is no probability is a failure", async () => {
  await expect(open("garbage").judge(sound(8_000, { ends: true }), never)).rejects.toThrow(/no probability/);
});

test("a question that was given up ends at once with the reason, and the next one is answered", async () => {
  const model = open("judge");
  const abort = new AbortController();
  const judged = model.judge(sound(8_000, { ends: true }), abort.signal);
  abort.abort(new Error("too late"));
  await expect(judged).rejects.toThrow("too late");
  expect(await model.judge(sound(8_000, { ends: true }), never)).toBeGreaterThan(0.9);
});

test("a thread that hangs is ended by the next question, and whoever waits for it is told", async () => {
  const clock = new VirtualClock();
  const file = join(dir, "model.onnx");
  writeFileSync(file, "hang");
  const sha256 = createHash("sha256").update("hang").digest("hex");
  const loaded = Promise.withResolvers<void>();
  const log = { ...silentLog, info: () => loaded.resolve() };
  const model = new SmartTurn({ file, bytes: 4, sha256, clock, log, runtimes: [STAND_IN] });
  models.push(model);
  await loaded.promise;
  const lost = expect(model.judge(sound(8_000, { ends: true }), never)).rejects.toMatchObject({ code: "unreachable" });
  await clock.advance(9_000);
  model.judge(sound(8_000, { ends: true }), never).catch(() => {});
  await clock.advance(1_001);
  model.judge(sound(8_000, { ends: true }), never).catch(() => {});
  await lost;
});

test("more questions than can be answered in time are refused, and the others are answered", async () => {
  const model = open("judge");
  await model.judge(sound(8_000, { ends: true }), never);
  const all = Array.from({ length: 6 }, () => model.judge(sound(8_000, { ends: true }), never));
  const ends = await Promise.allSettled(all);
  expect(ends.filter(({ status }) => status === "fulfilled")).toHaveLength(4);
  for (const end of ends.slice(4)) expect(end).toMatchObject({ reason: { code: "overloaded" } });
});

test("it is asked for the languages that it was taught", () => {
  expect(smartTurnKnows("en-GB")).toBe(true);
  expect(smartTurnKnows("pt-BR")).toBe(true);
  expect(smartTurnKnows("sv")).toBe(false);
});
