/** What stands in for the ONNX runtime: the same few calls, and a "model" whose answer depends on what it is given. */
class Tensor {
  readonly type: string;
  readonly data: Float32Array;
  readonly dims: readonly number[];

  constructor(type: string, data: Float32Array, dims: readonly number[]) {
    if (dims.reduce((product, dim) => product * dim, 1) !== data.length)
      throw new Error("the shape does not fit the data");
    this.type = type;
    this.data = data;
    this.dims = dims;
  }
}

const SHAPE = "1,80,800";

/** The "model" is a word: `judge` compares the last second's features with the second before, `garbage` answers nonsense, `hang` nothing any more after the first. */
async function create(model: Uint8Array) {
  const kind = new TextDecoder().decode(model).trim();
  if (kind === "broken") throw new Error("the protobuf cannot be parsed");
  let runs = 0;
  return {
    inputNames: ["input_features"],
    outputNames: ["logits"],
    async run({ input_features: input }: { input_features?: Tensor }) {
      if (input?.type !== "float32" || input.dims.join() !== SHAPE) throw new Error("a wrong input");
      runs += 1;
      if (kind === "hang" && runs > 1) await new Promise(() => {});
      if (kind === "garbage") return { logits: new Tensor("float32", Float32Array.of(Number.NaN), [1, 1]) };
      const mean = (from: number, to: number): number => {
        let sum = 0;
        for (let band = 0; band < 80; band++)
          for (let frame = from; frame < to; frame++) sum += input.data[band * 800 + frame] ?? Number.NaN;
        return sum / (80 * (to - from));
      };
      const falls = mean(600, 700) - mean(700, 800);
      return { logits: new Tensor("float32", Float32Array.of(1 / (1 + Math.exp(-4 * falls))), [1, 1]) };
    },
  };
}

const InferenceSession = { create };

export { InferenceSession, Tensor };
