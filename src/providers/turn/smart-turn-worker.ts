import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { parentPort, workerData } from "node:worker_threads";
import { loadResampling } from "../../audio/resample.ts";
import { messageOf } from "../../base/errors.ts";
import { faultOf } from "../model-check.ts";
import { MEL_BANDS, MEL_FRAMES, MEL_RATE, MelFrontEnd } from "./mel.ts";
import { loadNetwork } from "./runtime.ts";

export interface SmartTurnData {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
  readonly runtimes: readonly string[];
}

export interface SmartTurnQuestion {
  readonly id: number;
  readonly pcm: Int16Array;
  readonly rate: number;
}

/** `fault`: the model cannot be had, and nothing that is asked will be answered. */
export type SmartTurnAnswer =
  | { readonly type: "ready" }
  | { readonly type: "fault"; readonly problem: string }
  | { readonly type: "verdict"; readonly id: number; readonly complete: number }
  | { readonly type: "failed"; readonly id: number; readonly problem: string };

const tell = (answer: SmartTurnAnswer): void => parentPort?.postMessage(answer);

async function load({ file, bytes, sha256, runtimes }: SmartTurnData) {
  const fault = await faultOf(dirname(file), { [basename(file)]: { bytes, sha256 } });
  if (fault !== undefined) throw new Error(fault);
  const [network, resampling] = await Promise.all([
    readFile(file).then((model) => loadNetwork(model, runtimes)),
    loadResampling(),
  ]);
  const mel = new MelFrontEnd();
  const judge = (pcm: Int16Array, rate: number): Promise<number> => {
    const resampler = resampling.open({ from: rate, to: MEL_RATE });
    try {
      const body = resampler.process(pcm).slice();
      const tail = resampler.flush();
      const sound = new Int16Array(body.length + tail.length);
      sound.set(body);
      sound.set(tail, body.length);
      return network(mel.features(sound), [1, MEL_BANDS, MEL_FRAMES]);
    } finally {
      resampler.close();
    }
  };
  // The first question of all is slower than the others, and is nobody's.
  await judge(new Int16Array(MEL_RATE * 8), MEL_RATE);
  return judge;
}

const loading = load(workerData as SmartTurnData);
loading.then(
  () => tell({ type: "ready" }),
  (error: unknown) => tell({ type: "fault", problem: messageOf(error) }),
);

// One after the other: two at once would be late both.
let before: Promise<unknown> = loading.catch(() => {});
parentPort?.on("message", ({ id, pcm, rate }: SmartTurnQuestion) => {
  before = before.then(async () => {
    try {
      const judge = await loading;
      tell({ type: "verdict", id, complete: await judge(pcm, rate) });
    } catch (error) {
      tell({ type: "failed", id, problem: messageOf(error) });
    }
  });
});
