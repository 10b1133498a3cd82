import type { Clock } from "../../base/clock.ts";
import { sentenceOf } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { Config } from "../../config/config.ts";
import { SmartTurn } from "../../providers/turn/smart-turn.ts";
import { type Finding, finding } from "./finding.ts";

const LOAD_MS = 30_000;
const ABOUT = "turn model";
const RATE = 8000;

/** Whether the turn model can be loaded, and answers in time. Nothing here fails a check: without it silence decides. `runtimes`: for tests. */
export async function checkTurnModel(
  { turnModel }: Pick<Config, "turnModel">,
  clock: Clock,
  runtimes?: readonly string[],
): Promise<Finding[]> {
  if (!turnModel) return [];
  const { file, deadlineMs } = turnModel;
  const model = new SmartTurn({ ...turnModel, clock, log: silentLog, ...(runtimes && { runtimes }) });
  const judge = async (signal: AbortSignal): Promise<number> => {
    const begun = clock.now();
    await model.judge({ pcm: new Int16Array(8 * RATE), rate: RATE }, signal);
    return Math.round(clock.now() - begun);
  };
  const twice = async (signal: AbortSignal): Promise<number> => {
    // The first one waits for the model to be loaded.
    await judge(signal);
    return judge(signal);
  };
  try {
    const tookMs = await withDeadline(twice, {
      clock,
      ms: LOAD_MS,
      message: `no answer within ${LOAD_MS / 1000} s`,
    });
    if (tookMs < deadlineMs) return [finding("ok", ABOUT, `${file} answers within ${tookMs} ms.`)];
    const what = `${file} took ${tookMs} ms: later than turnModel.deadlineMs (${deadlineMs}), so silence decides.`;
    return [finding("warn", ABOUT, what, "Raise it, or leave the model out.")];
  } catch (error) {
    return [finding("warn", ABOUT, `Silence alone decides when a caller has finished: ${sentenceOf(error)}`)];
  } finally {
    await model.close();
  }
}
