import { expect, test } from "vitest";
import { Gate } from "../../../src/providers/stt/gate.ts";
import { lineNoise } from "../support/sounds.ts";
import { overTheTelephone } from "./telephone.ts";

/** The ms at which sound began; undefined: never. */
function beginOf(pcm: Int16Array): number | undefined {
  const gate = new Gate();
  for (let at = 0; at + 160 <= pcm.length; at += 160)
    if (gate.hear({ pcm: pcm.subarray(at, at + 160), rate: 8000 }).begun) return at / 8;
  return undefined;
}

test("an empty line costs no decoding", () => {
  expect(beginOf(new Int16Array(16_000))).toBeUndefined();
  expect(beginOf(lineNoise({ rate: 8000, ms: 5000, dbov: -62 }))).toBeUndefined();
});

test("a quiet caller is heard from the first word", () => {
  const pcm = overTheTelephone("could you tell me when you are open").map((sample) => sample / 10);
  expect(beginOf(pcm)).toBeLessThan(500);
});
