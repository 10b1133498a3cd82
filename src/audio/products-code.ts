/**
 * The machine code of `products.ts`, written out: one small function, for which no compiler is worth being needed. Instructions by
 * their names in the WebAssembly specification 2.0 (https://webassembly.github.io/spec/core/binary/instructions.html).
 */
const I32 = 0x7f;
const V128 = 0x7b;

/** Unsigned LEB128. */
function unsigned(value: number): number[] {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(value >>> 7)];
}

const vector = (items: readonly (readonly number[])[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, bytes: readonly number[]): number[] => [id, ...unsigned(bytes.length), ...bytes];
const text = (name: string): number[] => vector([...Buffer.from(name)].map((byte) => [byte]));

const get = (local: number): number[] => [0x20, local];
const set = (local: number): number[] => [0x21, local];
const tee = (local: number): number[] => [0x22, local];
/** For values below 64. */
const constant = (value: number): number[] => [0x41, value];
const ADD = [0x6a];
const SUB = [0x6b];
const LESS = [0x49];
const FADD = [0xfd, 0xe4, 0x01];
const FMUL = [0xfd, 0xe6, 0x01];
const ZERO = [0xfd, 0x0c, ...new Array<number>(16).fill(0)];
/** Floats are aligned to 4 bytes (2 to the power of 2) only. */
const load = (offset: number): number[] => [0xfd, 0x00, 2, offset];
const store = [0xfd, 0x0b, 2, 0];
/** Four floats of eight, those of two vectors. */
const shuffle = (...floats: readonly number[]): number[] => [
  ...[0xfd, 0x0d],
  ...floats.flatMap((float) => [0, 1, 2, 3].map((byte) => float * 4 + byte)),
];
/** Until what stands last in `body` is zero. */
const loop = (body: readonly number[]): number[] => [0x03, 0x40, ...body, 0x0d, 0, 0x0b];

// Parameters: addresses of the weights, the input and the output; how many rows; bytes of the input; bytes from row to row.
const [WEIGHTS, INPUT, OUTPUT, ROWS, BYTES, STRIDE] = [0, 1, 2, 3, 4, 5];
const PARAMETERS = 6;
const [AT, END] = [6, 7];
const ROW = [8, 9, 10, 11];
const SUM = [12, 13, 14, 15];
const HEARD = 16;

/** sum += row[at] * input, for four rows, of which each input is read once. */
const step = (offset: number): number[] => [
  ...get(AT),
  ...load(offset),
  ...set(HEARD),
  ...ROW.flatMap((row, index) => [
    ...get(SUM[index] as number),
    ...get(row),
    ...load(offset),
    ...get(HEARD),
    ...FMUL,
    ...FADD,
    ...set(SUM[index] as number),
  ]),
];

const forward = (local: number, bytes: number): number[] => [...get(local), ...constant(bytes), ...ADD, ...set(local)];

/** [a0+a2, b0+b2, a1+a3, b1+b3] */
const folded = (a: number, b: number): number[] => [
  ...[...get(a), ...get(b), ...shuffle(0, 4, 1, 5)],
  ...[...get(a), ...get(b), ...shuffle(2, 6, 3, 7)],
  ...FADD,
];

const body = [
  ...[...get(INPUT), ...get(BYTES), ...ADD, ...set(END)],
  ...loop([
    ...[...get(WEIGHTS), ...set(ROW[0] as number)],
    ...ROW.slice(1).flatMap((row, index) => [...get(ROW[index] as number), ...get(STRIDE), ...ADD, ...set(row)]),
    ...SUM.flatMap((sum) => [...ZERO, ...set(sum)]),
    ...[...get(INPUT), ...set(AT)],
    ...loop([
      ...step(0),
      ...step(16),
      ...ROW.flatMap((row) => forward(row, 32)),
      ...[...get(AT), ...constant(32), ...ADD, ...tee(AT), ...get(END), ...LESS],
    ]),
    ...[...folded(SUM[0] as number, SUM[1] as number), ...set(SUM[0] as number)],
    ...[...folded(SUM[2] as number, SUM[3] as number), ...set(SUM[2] as number)],
    ...get(OUTPUT),
    ...[...get(SUM[0] as number), ...get(SUM[2] as number), ...shuffle(0, 1, 4, 5)],
    ...[...get(SUM[0] as number), ...get(SUM[2] as number), ...shuffle(2, 3, 6, 7)],
    ...[...FADD, ...get(OUTPUT), ...load(0), ...FADD],
    ...store,
    ...forward(OUTPUT, 16),
    // The next row after the last of the four.
    ...[...get(WEIGHTS), ...get(STRIDE), ...ADD, ...get(STRIDE), ...ADD],
    ...[...get(STRIDE), ...ADD, ...get(STRIDE), ...ADD, ...set(WEIGHTS)],
    ...[...get(ROWS), ...constant(4), ...SUB, ...tee(ROWS)],
  ]),
  0x0b,
];

const locals = vector([
  [2 + ROW.length, I32],
  [SUM.length + 1, V128],
]);

/** Exports `memory` (so many pages of 64 KB) and `products`. */
export function productsCode(pages: number): Uint8Array {
  return Uint8Array.from([
    ...[0, ...Buffer.from("asm"), 1, 0, 0, 0],
    ...section(1, vector([[0x60, ...vector(new Array<number[]>(PARAMETERS).fill([I32])), 0]])),
    ...section(3, vector([[0]])),
    ...section(5, vector([[0, ...unsigned(pages)]])),
    ...section(
      7,
      vector([
        [...text("memory"), 2, 0],
        [...text("products"), 0, 0],
      ]),
    ),
    ...section(10, vector([[...unsigned(locals.length + body.length), ...locals, ...body]])),
  ]);
}
