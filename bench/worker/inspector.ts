import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { WebSocket } from "ws";

/** In the service's environment: its processes can be looked into, from this machine, and cost nothing until somebody does. */
export const INSPECTABLE = { NODE_OPTIONS: "--inspect=127.0.0.1:0" } as const;

const CALL_MS = 30_000;

export interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly children?: readonly number[];
}

export interface Profile {
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  /** In µs, each since the sample before. */
  readonly timeDeltas: readonly number[];
  readonly startTime: number;
}

/** A look into a running process, by the inspector's protocol: nothing of it stands in the product. */
export class Inspector implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #serial = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data) => this.#onMessage(JSON.parse(String(data))));
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the process is gone"));
      this.#waiting.clear();
    });
  }

  /** The process `pid`, among those whose addresses stand in the service's log. */
  static async find(logFile: string, pid: number): Promise<Inspector> {
    const log = await readFile(logFile, "utf8");
    for (const [, url = ""] of [...log.matchAll(/Debugger listening on (ws:\S+)/g)].reverse()) {
      const socket = new WebSocket(url);
      const open = await once(socket, "open").then(
        () => true,
        () => false,
      );
      if (!open) continue;
      const inspector = new Inspector(socket);
      if ((await inspector.evaluate<number>("process.pid")) === pid) return inspector;
      await inspector[Symbol.asyncDispose]();
    }
    throw new Error(`process ${pid} cannot be looked into`);
  }

  /** The value of an expression; what it resolves to, where it is a promise. */
  async evaluate<T>(expression: string): Promise<T> {
    const answer = await this.call<{ result: { value: T }; exceptionDetails?: { text: string } }>("Runtime.evaluate", {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (answer.exceptionDetails) throw new Error(`${expression.slice(0, 60)}: ${answer.exceptionDetails.text}`);
    return answer.result.value;
  }

  async collectGarbage(): Promise<void> {
    await this.call("HeapProfiler.collectGarbage", {});
  }

  async startProfile({ everyUs }: { everyUs: number }): Promise<void> {
    await this.call("Profiler.enable", {});
    await this.call("Profiler.setSamplingInterval", { interval: everyUs });
    await this.call("Profiler.start", {});
  }

  async stopProfile(): Promise<Profile> {
    return (await this.call<{ profile: Profile }>("Profiler.stop", {})).profile;
  }

  call<T>(method: string, params: object): Promise<T> {
    const id = ++this.#serial;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const late = setTimeout(() => reject(new Error(`${method} was not answered`)), CALL_MS);
    this.#waiting.set(id, { resolve, reject });
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise.finally(() => clearTimeout(late)) as Promise<T>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close();
    await once(this.#socket, "close");
  }

  #onMessage({ id, result, error }: { id?: number; result?: unknown; error?: { message: string } }): void {
    const waiting = this.#waiting.get(id ?? -1);
    if (id === undefined || !waiting) return;
    this.#waiting.delete(id);
    if (error) waiting.reject(new Error(error.message));
    else waiting.resolve(result);
  }
}

/** How late the timers of a process are, every 10 ms until it is asked. */
export async function watchLag(inspector: Inspector): Promise<() => Promise<number[]>> {
  await inspector.evaluate(`(() => {
    const lags = (globalThis.benchLags = []);
    let due = performance.now() + 10;
    const look = () => {
      const now = performance.now();
      lags.push(Math.max(0, now - due));
      due = now + 10;
      globalThis.benchLagTimer = setTimeout(look, 10);
    };
    globalThis.benchLagTimer = setTimeout(look, 10);
  })()`);
  return async () => {
    const lags = await inspector.evaluate<number[]>(
      "(() => { clearTimeout(globalThis.benchLagTimer); return globalThis.benchLags.splice(0); })()",
    );
    return lags;
  };
}
