import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { checkTurnModel } from "../../src/cli/check/turn-model.ts";

const RUNTIME = [new URL("../fakes/onnx-runtime.ts", import.meta.url).href];
const sha256 = createHash("sha256").update("judge").digest("hex");
const rest = { bytes: 5, sha256, threshold: 0.5, completeMs: 300, incompleteMs: 1500 };

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "sidetone-turn-"));
  file = join(dir, "model.onnx");
  writeFileSync(file, "judge");
});
afterEach(() => rmSync(dir, { recursive: true }));

const look = (turnModel: { deadlineMs: number } | undefined) =>
  checkTurnModel(turnModel ? { turnModel: { file, ...rest, ...turnModel } } : {}, systemClock, RUNTIME);

test("a check says how long the turn model takes for an answer", async () => {
  expect(await look({ deadlineMs: 60_000 })).toMatchObject([
    { level: "ok", what: expect.stringMatching(/within \d+ ms/) },
  ]);
  expect(await look(undefined)).toEqual([]);
});

test("a turn model that is too slow, or not the one that was meant, is warned of, and fails no check", async () => {
  expect(await look({ deadlineMs: 0 })).toMatchObject([
    { level: "warn", what: expect.stringMatching(/silence decides/) },
  ]);
  writeFileSync(file, "jvdge");
  expect(await look({ deadlineMs: 150 })).toMatchObject([{ level: "warn", what: expect.stringMatching(/SHA-256/) }]);
});
