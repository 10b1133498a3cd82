/** What the worker tells its supervisor. A beat is sent by a timer of the worker's event loop: no beat, no loop. */
export type FromWorker =
  | { readonly type: "beat"; readonly calls: number }
  /** It takes calls now. */
  | { readonly type: "ready" }
  /** The configuration it runs by now, as the files that were read. Only a worker can read it. */
  | { readonly type: "configured"; readonly snapshot: unknown }
  /** The files have faults now: which were the last good ones? */
  | { readonly type: "askLastGood" }
  /** It cannot start, and starting again would not help. */
  | { readonly type: "failed"; readonly message: string; readonly exitCode: number };

export type ToWorker =
  /** Take no new calls; when the running ones have ended, or after `seconds`, leave. */
  | { readonly type: "drain"; readonly seconds: number }
  /** Give every call back to its dialplan and leave, now. */
  | { readonly type: "stop" }
  /** Read the configuration again. */
  | { readonly type: "reload" }
  /** The answer to `askLastGood`; undefined when there is none. */
  | { readonly type: "lastGood"; readonly snapshot: unknown };

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

/** Both ends are ours, but a worker that goes wrong may send anything. */
export function isFromWorker(value: unknown): value is FromWorker {
  if (!isObject(value)) return false;
  if (value.type === "ready" || value.type === "configured" || value.type === "askLastGood") return true;
  if (value.type === "beat") return typeof value.calls === "number";
  return value.type === "failed" && typeof value.message === "string" && typeof value.exitCode === "number";
}

export function isToWorker(value: unknown): value is ToWorker {
  if (!isObject(value)) return false;
  if (value.type === "drain") return typeof value.seconds === "number";
  return value.type === "stop" || value.type === "reload" || value.type === "lastGood";
}
