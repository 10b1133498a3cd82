import { messageOf } from "../../base/errors.ts";

/** What we need of the ONNX runtime. `onnxruntime-node` and `onnxruntime-web` both have it. */
interface OnnxRuntime {
  readonly InferenceSession: {
    create(model: Uint8Array, options: Readonly<Record<string, unknown>>): Promise<Session>;
  };
  readonly Tensor: new (type: "float32", data: Float32Array, dims: readonly number[]) => unknown;
}

interface Session {
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  run(
    inputs: Readonly<Record<string, unknown>>,
  ): Promise<Readonly<Record<string, { readonly data: ArrayLike<number> }>>>;
}

/** The network: features in, a probability out. */
export type Network = (features: Float32Array, dims: readonly number[]) => Promise<number>;

/** Best first: the one is native code, the other WebAssembly. */
export const ONNX_RUNTIMES: readonly string[] = ["onnxruntime-node", "onnxruntime-web"];

// Pauses are short questions, and the cores belong to the calls.
const SESSION = {
  executionMode: "sequential",
  graphOptimizationLevel: "all",
  interOpNumThreads: 1,
  intraOpNumThreads: 1,
};

/** Loads a model that was checked. Throws an Error that says what to do. */
export async function loadNetwork(model: Uint8Array, runtimes: readonly string[]): Promise<Network> {
  const { InferenceSession, Tensor } = await importFirst(runtimes);
  const session = await InferenceSession.create(model, SESSION);
  const [input, output] = [session.inputNames[0], session.outputNames[0]];
  if (input === undefined || output === undefined) throw new Error("the model has no input or no output");
  return async (features, dims) => {
    const results = await session.run({ [input]: new Tensor("float32", features, dims) });
    const value = results[output]?.data[0];
    if (value === undefined || !(value >= 0 && value <= 1))
      throw new Error(`the model answered ${value}, no probability`);
    return value;
  };
}

async function importFirst(runtimes: readonly string[]): Promise<OnnxRuntime> {
  const reasons: string[] = [];
  for (const name of runtimes) {
    try {
      const module = (await import(name)) as Partial<OnnxRuntime> & { readonly default?: OnnxRuntime };
      const runtime = module.InferenceSession ? (module as OnnxRuntime) : module.default;
      if (runtime) return runtime;
      reasons.push(`${name} is no ONNX runtime`);
    } catch (error) {
      reasons.push(messageOf(error).split("\n", 1)[0] ?? name);
    }
  }
  throw new Error(`no ONNX runtime can be loaded; run: npm install onnxruntime-node (${reasons.join("; ")})`);
}
