import { readFileSync, writeFileSync } from "node:fs";

// Makes models/silero-vad-v6.f16 from the original ONNX file (silero_vad.onnx, see models/README.md):
//   bin/node deploy/convert-silero.ts silero_vad.onnx models/silero-vad-v6.f16
// Only the trained numbers are kept, in the order in which src/providers/vad/silero-net.ts walks them, as half floats.

interface Field {
  readonly number: number;
  readonly bytes: Buffer;
}

/** The length-delimited fields of one protobuf message; the others are stepped over. */
function* fieldsOf(message: Buffer): Generator<Field> {
  let at = 0;
  const integer = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < message.length) {
    const key = integer();
    const kind = key & 7;
    if (kind === 0) integer();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else {
      const length = integer();
      yield { number: key >>> 3, bytes: message.subarray(at, at + length) };
      at += length;
    }
  }
}

const floats = (bytes: Buffer): Float32Array => new Float32Array(Uint8Array.from(bytes).buffer);

const BRANCHES = { then_branch: "16k", else_branch: "8k" } as const;

/**
 * Every float tensor by its name, "16k." or "8k." before it: the graph is one If with a network in either branch.
 * Fields: ModelProto.graph 7; GraphProto.node 1; NodeProto.attribute 5; AttributeProto.name 1, t 5, g 6; TensorProto.name 8, raw_data 9, float_data 4.
 */
function tensorsOf(model: Buffer): Map<string, Float32Array> {
  const tensors = new Map<string, Float32Array>();
  const walk = (graph: Buffer, branch: string): void => {
    const nodes = [...fieldsOf(graph)].filter(({ number }) => number === 1);
    const attributes = nodes.flatMap(({ bytes }) => [...fieldsOf(bytes)].filter(({ number }) => number === 5));
    for (const attribute of attributes) {
      const parts = [...fieldsOf(attribute.bytes)];
      const name = parts.find(({ number }) => number === 1)?.bytes.toString() ?? "";
      for (const { number, bytes } of parts) {
        if (number === 5) keep(bytes, branch);
        if (number === 6 && branch === "" && name in BRANCHES) walk(bytes, BRANCHES[name as keyof typeof BRANCHES]);
      }
    }
  };
  const keep = (tensor: Buffer, branch: string): void => {
    const parts = [...fieldsOf(tensor)];
    const name = parts.find(({ number }) => number === 8)?.bytes.toString() ?? "";
    const data = parts.find(({ number }) => number === 9 || number === 4)?.bytes;
    if (name !== "" && data && data.length % 4 === 0) tensors.set(`${branch}.${name}`, floats(data));
  };
  for (const { number, bytes } of fieldsOf(model)) if (number === 7) walk(bytes, "");
  return tensors;
}

/** From [out][in][tap] to [out][tap][in], and only the taps that ever meet something other than padding. */
function byTap(weights: Float32Array, inputs: number, taps: readonly number[]): number[] {
  const outputs = weights.length / (3 * inputs);
  const row = (out: number): number[] =>
    taps.flatMap((tap) => Array.from({ length: inputs }, (_, i) => weights[(out * inputs + i) * 3 + tap] ?? 0));
  return Array.from({ length: outputs }, (_, out) => row(out)).flat();
}

function partsOf(tensors: Map<string, Float32Array>, model: string, bins: number): number[] {
  const tensor = (name: string): Float32Array => {
    const found = tensors.get(`${model}.${name}`);
    if (!found) throw new Error(`The model has no tensor ${model}.${name}.`);
    return found;
  };
  const [input, own] = [tensor("decoder.rnn.weight_ih"), tensor("decoder.rnn.weight_hh")];
  const bias = tensor("decoder.rnn.bias_hh");
  return [
    ...byTap(tensor("encoder.0.reparam_conv.weight"), bins, [0, 1, 2]),
    ...tensor("encoder.0.reparam_conv.bias"),
    ...byTap(tensor("encoder.1.reparam_conv.weight"), 128, [0, 1, 2]),
    ...tensor("encoder.1.reparam_conv.bias"),
    ...byTap(tensor("encoder.2.reparam_conv.weight"), 64, [1, 2]),
    ...tensor("encoder.2.reparam_conv.bias"),
    ...byTap(tensor("encoder.3.reparam_conv.weight"), 64, [1]),
    ...tensor("encoder.3.reparam_conv.bias"),
    ...Array.from({ length: 512 }, (_, row) => [
      ...input.subarray(row * 128, row * 128 + 128),
      ...own.subarray(row * 128, row * 128 + 128),
    ]).flat(),
    ...tensor("decoder.rnn.bias_ih").map((value, i) => value + (bias[i] ?? 0)),
    ...tensor("decoder.decoder.2.weight"),
    ...tensor("decoder.decoder.2.bias"),
  ];
}

/** The nearest half float; the weights are all far from its limits. */
function toHalf(value: number): number {
  const sign = value < 0 ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size < 2 ** -14) return sign | Math.round(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // A fraction that rounds up to 1,024 carries into the exponent by itself.
  return sign | (((exponent + 15) << 10) + Math.round((size / 2 ** exponent - 1) * 1024));
}

const [from, to] = process.argv.slice(2);
if (!from || !to) throw new Error("Usage: convert-silero.ts <silero_vad.onnx> <output>");
const tensors = tensorsOf(readFileSync(from));
const numbers = [...partsOf(tensors, "16k", 129), ...partsOf(tensors, "8k", 65)];
writeFileSync(to, Uint16Array.from(numbers, toHalf));
