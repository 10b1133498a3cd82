/** What the supervisor runs by. A worker reads it in the configuration, and tells it with every reading. */
export interface SupervisorSettings {
  /** How many workers take calls. */
  readonly workers: number;
  readonly heartbeatMs: number;
  readonly killAfterMs: number;
  readonly startSeconds: number;
  /** The longest pause between two restarts. */
  readonly restartMaxMs: number;
  readonly drainSeconds: number;
  /** A worker that stays above it is replaced. 0: there is no limit. */
  readonly memoryMb: number;
}

/** One worker as the others are told of it. */
export interface SiblingState {
  readonly slot: number;
  readonly pid: number;
  readonly calls: number;
  /** It takes new calls. */
  readonly taking: boolean;
}

/** What the worker tells its supervisor. A beat is sent by a timer of the worker's event loop: no beat, no loop. */
export type FromWorker =
  | { readonly type: "beat"; readonly calls: number; readonly memoryMb: number }
  /** It takes calls now. */
  | { readonly type: "ready" }
  /** The configuration it runs by now, as the files that were read. Only a worker can read it. */
  | { readonly type: "configured"; readonly snapshot: unknown; readonly settings: SupervisorSettings }
  /** Some of it holds from a process's start to its end: these keys take another worker. */
  | { readonly type: "outdated"; readonly keys: readonly string[] }
  /** The files have faults now: which were the last good ones? */
  | { readonly type: "askLastGood" }
  /** It cannot start, and starting again would not help. */
  | { readonly type: "failed"; readonly message: string; readonly exitCode: number }
  /** Somebody has called; who, nobody can read out of it. For the other workers' count. */
  | { readonly type: "came"; readonly caller: string }
  /** A worker whose supervisor has died, to the next one. */
  | Hello;

export interface Hello {
  readonly type: "hello";
  readonly pid: number;
  readonly slot: number;
  readonly build: string;
  readonly ready: boolean;
  /** It lets its calls end. */
  readonly leaving: boolean;
}

export type ToWorker =
  /** Take no new calls; when the running ones have ended, or after `seconds`, leave. */
  | { readonly type: "drain"; readonly seconds: number }
  /** Give every call back to its dialplan and leave, now. */
  | { readonly type: "stop" }
  /** Read the configuration again. */
  | { readonly type: "reload" }
  /** The answer to `askLastGood`; undefined when there is none. */
  | { readonly type: "lastGood"; readonly snapshot: unknown }
  /** All workers there are, the reader among them. */
  | { readonly type: "siblings"; readonly workers: readonly SiblingState[] }
  /** Somebody has called another worker. */
  | { readonly type: "came"; readonly caller: string };

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json => typeof value === "object" && value !== null;
const isCount = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 0;

const SETTINGS = ["workers", "heartbeatMs", "killAfterMs", "startSeconds", "restartMaxMs", "drainSeconds", "memoryMb"];

/** Both ends are ours, but a worker that goes wrong may send anything. */
export function isFromWorker(value: unknown): value is FromWorker {
  if (!isObject(value)) return false;
  switch (value.type) {
    case "ready":
    case "askLastGood":
      return true;
    case "configured": {
      const { settings } = value;
      return isObject(settings) && SETTINGS.every((key) => typeof settings[key] === "number");
    }
    case "beat":
      return isCount(value.calls) && typeof value.memoryMb === "number";
    case "failed":
      return typeof value.message === "string" && typeof value.exitCode === "number";
    case "outdated":
      return Array.isArray(value.keys) && value.keys.every((key) => typeof key === "string");
    case "came":
      return typeof value.caller === "string";
    default:
      return isHello(value);
  }
}

export function isHello(value: unknown): value is Hello {
  if (!isObject(value) || value.type !== "hello") return false;
  const { pid, slot, build, ready, leaving } = value;
  return (
    isCount(pid) &&
    isCount(slot) &&
    typeof build === "string" &&
    typeof ready === "boolean" &&
    typeof leaving === "boolean"
  );
}

export function isToWorker(value: unknown): value is ToWorker {
  if (!isObject(value)) return false;
  if (value.type === "drain") return typeof value.seconds === "number";
  if (value.type === "came") return typeof value.caller === "string";
  if (value.type === "siblings") return Array.isArray(value.workers) && value.workers.every(isSibling);
  return value.type === "stop" || value.type === "reload" || value.type === "lastGood";
}

const isSibling = (value: unknown): value is SiblingState =>
  isObject(value) &&
  isCount(value.slot) &&
  isCount(value.pid) &&
  isCount(value.calls) &&
  typeof value.taking === "boolean";
