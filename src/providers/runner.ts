import { fork } from "node:child_process";
import { extname } from "node:path";
import { type Transferable, Worker } from "node:worker_threads";

/** What runs a script beside the calls: a thread of this process, or a process of its own. */
export interface Runner {
  post(message: unknown, transfer: readonly Transferable[]): void;
  /** While referred to, it keeps this process alive. */
  ref(): void;
  unref(): void;
  /** Resolves when it has ended. May be called twice. */
  terminate(): Promise<unknown>;
}

export interface RunnerListener {
  onMessage(message: unknown): void;
  onError(error: unknown): void;
  /** It has ended, by whatever. `how` completes "it ended with …". */
  onExit(how: string): void;
}

export interface Script {
  /** Without its ending, which is that of this file: .ts in the source, .js when built. */
  readonly url: URL;
  readonly name: string;
  readonly data?: unknown;
}

/** Starts a runner. */
export type StartRunner = (script: Script, listener: RunnerListener) => Runner;

// What is new in a thread is little: it need not keep room for 16 MB of it.
const YOUNG_MB = 4;

const fileOf = ({ url }: Script): URL => new URL(url.href + extname(import.meta.filename));

/** Close by: a message takes microseconds. What it keeps in memory is memory of this process. */
export const inThread: StartRunner = (script, { onMessage, onError, onExit }) => {
  const worker = new Worker(fileOf(script), {
    name: script.name,
    workerData: script.data,
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  worker.on("message", onMessage);
  worker.on("error", onError);
  worker.on("exit", (code) => onExit(`code ${code}`));
  return {
    post: (message, transfer) => worker.postMessage(message, transfer),
    ref: () => worker.ref(),
    unref: () => worker.unref(),
    terminate: () => worker.terminate(),
  };
};

/**
 * For what needs much memory: when a worker is killed, its calls reach the menu only after the kernel has taken its memory apart.
 * The script is told by `process.on("message")`, answers by `process.send`, and ends by itself on "disconnect".
 */
export const inProcess: StartRunner = (script, { onMessage, onError, onExit }) => {
  const child = fork(fileOf(script), [], {
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    execArgv: ["--max-semi-space-size=2", "--v8-pool-size=1", "--disable-warning=ExperimentalWarning"],
    // Nothing of the service's secrets goes into a process that does not need them.
    env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE },
  });
  const ended = Promise.withResolvers<void>();
  child.on("message", onMessage);
  child.on("error", (error) => {
    // One that could not be started has no end to wait for.
    if (child.pid === undefined) ended.resolve();
    onError(error);
  });
  child.on("exit", (code, signal) => {
    ended.resolve();
    onExit(signal ?? `code ${code}`);
  });
  return {
    post(message) {
      // A failure to send shows as the end of the process.
      if (child.connected) child.send(message as object, () => undefined);
    },
    ref() {
      child.ref();
      child.channel?.ref();
    },
    unref() {
      child.unref();
      child.channel?.unref();
    },
    terminate() {
      child.ref();
      child.kill("SIGKILL");
      return ended.promise;
    },
  };
};
