import { expect, test } from "vitest";
import { ProductMachine } from "../../src/audio/products.ts";

const ROOM = 40_000;

/** The same sums, as one would write them. */
function summed(floats: Float32Array, { weights, input, rows, length, stride }: Record<string, number>): number[] {
  const at = (place = 0): number => floats[place] ?? Number.NaN;
  return Array.from({ length: rows ?? 0 }, (_, row) => {
    let sum = 0;
    for (let i = 0; i < (length ?? 0); i++) sum += at((weights ?? 0) + row * (stride ?? 0) + i) * at((input ?? 0) + i);
    return sum;
  });
}

test.each([
  { name: "a layer of a network", rows: 128, length: 256, stride: 256 },
  { name: "a sound at every place of another", rows: 1600, length: 80, stride: 1 },
  { name: "the least there can be", rows: 4, length: 8, stride: 8 },
])("sums of products are what they are in JavaScript: $name", ({ rows, length, stride }) => {
  const machine = new ProductMachine(ROOM);
  const weights = machine.take((rows - 1) * stride + length);
  const [input, output] = [machine.take(length), machine.take(rows)];
  for (let i = 0; i < output; i++) machine.floats[i] = Math.sin(i * 1.7) * 3;
  machine.floats.fill(10, output, output + rows);
  const expected = summed(machine.floats, { weights, input, rows, length, stride });
  machine.add({ weights, input, output, rows, length, stride });
  // Added to what stood there.
  const found = [...machine.floats.subarray(output, output + rows)].map((sum) => sum - 10);
  expect(Math.max(...found.map((sum, row) => Math.abs(sum - (expected[row] ?? Number.NaN))))).toBeLessThan(0.01);
  expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(1);
  // Nothing behind it was touched.
  expect(machine.floats[output + rows]).toBe(0);
});

test("a place that is not there, and sums that are not by fours and eights, are refused", () => {
  const machine = new ProductMachine(100);
  machine.take(machine.floats.length);
  expect(() => machine.take(1)).toThrow(RangeError);
  const places = { weights: 0, input: 0, output: 0, stride: 8 };
  expect(() => machine.add({ ...places, rows: 3, length: 8 })).toThrow(RangeError);
  expect(() => machine.add({ ...places, rows: 4, length: 7 })).toThrow(RangeError);
});
