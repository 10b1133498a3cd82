import { describe, expect, test } from "vitest";
import { Edges } from "../../../src/providers/vad/edges.ts";
import { fvad } from "../../../src/providers/vad/fvad.ts";
import { loadFvad } from "../../../src/providers/vad/fvad-library.ts";
import { context } from "../contract/context.ts";
import { describeVoiceActivity } from "../contract/vad.ts";

const create = () => fvad.create(fvad.schema.parse({}), context);

describeVoiceActivity("fvad", { create, pace: async () => {} });

describe("the edges", () => {
  const edgesOf = (frames: string) => {
    const edges = new Edges({ onsetFrames: 2, hangFrames: 3 });
    return [...frames]
      .map((frame) => edges.push(frame === "#") ?? ".")
      .map((edge) => edge.slice(0, 2))
      .join(" ");
  };

  test("a click of one frame is no speech", () => expect(edgesOf(".#..#..")).toBe(". . . . . . ."));
  test("two voiced frames of three are", () => expect(edgesOf(".#.#")).toBe(". . . sp"));
  test("a breath inside a sentence does not end it", () => expect(edgesOf("##..##..")).toBe(". sp . . . . . ."));
  test("the pause ends it once", () => expect(edgesOf("##.....")).toBe(". sp . . si . ."));
  test("an onset that is not believed comes with the frame that is", () => {
    const edges = new Edges({ onsetFrames: 2, hangFrames: 3 });
    expect([edges.push(true, false), edges.push(true, false), edges.push(true, true)]).toEqual([
      undefined,
      undefined,
      "speech",
    ]);
  });
});

test("a hundred callers do not disturb one another's ears when the library's memory grows", () => {
  const library = loadFvad();
  const first = library.open({ rate: 8000, mode: 3 });
  const others = Array.from({ length: 2000 }, () => library.open({ rate: 16_000, mode: 3 }));
  expect(first.voiced(new Int16Array(160))).toBe(false);
  for (const other of others) other.free();
  first.free();
});

test("a rate or a frame that the library cannot take is refused, not misheard", () => {
  expect(() => create().open({ rate: 24_000 })).toThrow(RangeError);
  expect(() => loadFvad().open({ rate: 8000, mode: 3 }).voiced(new Int16Array(320))).toThrow(RangeError);
});

test("the administrator's numbers are checked", () => {
  expect(fvad.schema.safeParse({ mode: 4 }).success).toBe(false);
  expect(fvad.schema.safeParse({ onsetMs: 50 }).success).toBe(false);
  expect(fvad.schema.safeParse({ modus: 1 }).success).toBe(false);
});
