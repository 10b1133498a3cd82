import fc from "fast-check";
import { KEPT } from "./seeds.ts";

/** The same input in every run of the suite: a test that fails now and then helps nobody. */
const SEED = 20_261_125;

export interface FuzzOptions {
  /** By which its kept seeds are found. */
  readonly name: string;
  readonly runs: number;
}

/**
 * Holds a property against generated input: first against what failed before (seeds.ts), then against a fixed choice. To hunt
 * for more: FUZZ_SEED=random FUZZ_TIMES=100 npm test -- test/fuzz. What fails is printed with its seed and path, for the list.
 */
export async function fuzz<T>(
  arbitrary: fc.Arbitrary<T>,
  { name, runs }: FuzzOptions,
  holds: (input: T) => void | Promise<void>,
): Promise<void> {
  // What nobody caught would have ended the worker, and every call with it: here it is a failure with a seed.
  const uncaught: unknown[] = [];
  const property = fc.asyncProperty(arbitrary, async (input) => {
    await holds(input);
    if (uncaught.length > 0) throw uncaught.splice(0)[0];
  });
  const others = process.listeners("uncaughtException");
  const caught = (error: unknown): void => void uncaught.push(error);
  process.removeAllListeners("uncaughtException").on("uncaughtException", caught);
  try {
    await assertAll(property, { name, runs });
  } finally {
    process.removeAllListeners("uncaughtException");
    for (const listener of others) process.on("uncaughtException", listener);
  }
}

async function assertAll<T>(property: fc.IAsyncProperty<[T]>, { name, runs }: FuzzOptions): Promise<void> {
  const reporter = (details: fc.RunDetails<[T]>): void => {
    if (!details.failed) return;
    const { seed, counterexamplePath: path } = details;
    throw new Error(
      `keep it in test/fuzz/seeds.ts: "${name}": [{ seed: ${seed}, path: "${path}" }]\n${fc.defaultReportMessage(details)}`,
    );
  };
  for (const { seed, path } of KEPT[name] ?? []) await fc.assert(property, { seed, path, reporter });
  const { FUZZ_SEED: asked, FUZZ_TIMES: times = "1" } = process.env;
  const seed = asked === "random" ? {} : { seed: asked === undefined ? SEED : Number(asked) };
  await fc.assert(property, { ...seed, numRuns: runs * Number(times), reporter });
}

const awkward = fc.constantFrom(
  "",
  "__proto__",
  "constructor",
  "toString",
  "valueOf",
  "length",
  "\0",
  "\ud800",
  "x".repeat(300),
);

/** Any JSON, with the names that have surprised programs before, and with the words of a protocol strewn in. */
export function jsonWith(words: readonly string[]): fc.Arbitrary<unknown> {
  const word = fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom(...words) },
    { weight: 1, arbitrary: awkward },
    fc.string(),
  );
  const scalar = fc.oneof(
    word,
    fc.boolean(),
    fc.constant(null),
    fc.double(),
    fc.integer(),
    fc.constantFrom(1e308, -1, 0, 2 ** 53),
  );
  return fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      scalar,
      fc.array(tie("any"), { maxLength: 5 }),
      // As JSON brings them: an own key "__proto__" included.
      fc
        .array(fc.tuple(word, tie("any")), { maxLength: 8 })
        .map(
          (entries) =>
            JSON.parse(
              `{${entries.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value) ?? "null"}`).join()}}`,
            ) as unknown,
        ),
    ),
  })).any;
}

/** Bytes cut in pieces, as a network may deliver them. */
export const cuts = fc.array(fc.integer({ min: 1, max: 400 }), { maxLength: 30 });

export function inPieces(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const pieces: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    pieces.push(bytes.subarray(at, at + size));
    at += size;
  }
  if (at < bytes.length) pieces.push(bytes.subarray(at));
  return pieces;
}
