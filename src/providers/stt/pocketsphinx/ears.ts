import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import type { Log } from "../../../base/log.ts";
import { abortable } from "../../../base/signals.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { FromEar, ToEar } from "./protocol.ts";

export interface Listener {
  onMessage(message: FromEar): void;
  /** The process is gone. `final`: another one would fail as well. */
  onLost(error: ProviderError, final: boolean): void;
}

/** A place in one of the processes. */
export interface Seat {
  readonly hearing: number;
  post(message: ToEar): void;
  /** The process hangs: end it, with all who sit there. */
  kill(): void;
  leave(): void;
}

interface Ear {
  readonly process: ChildProcess;
  readonly listeners: Map<number, Listener>;
  alive: boolean;
  missing: string | undefined;
}

/** The processes that decode, a few hearings in each. One is kept warm when the last call has gone. */
export class Ears {
  readonly #options: { folder: string; hearingsPerProcess: number; maxProcesses: number; log: Log };
  readonly #ears = new Set<Ear>();
  #nextHearing = 1;
  #closed = false;

  constructor(options: { folder: string; hearingsPerProcess: number; maxProcesses: number; log: Log }) {
    this.#options = options;
  }

  /** Throws a ProviderError of code "overloaded" when every process is full. */
  sit(listener: Listener): Seat {
    if (this.#closed) throw new ProviderError("pocketsphinx", "unreachable", "it was closed");
    const { hearingsPerProcess, maxProcesses } = this.#options;
    let ear = [...this.#ears].find((one) => one.alive && one.listeners.size < hearingsPerProcess);
    if (!ear && this.#ears.size >= maxProcesses) {
      throw new ProviderError(
        "pocketsphinx",
        "overloaded",
        `${maxProcesses * hearingsPerProcess} calls are listened to`,
      );
    }
    ear ??= this.#start();
    return this.#seat(ear, listener);
  }

  /** Has a process learn what callers of this kind say, and keep it for the next of them. Rejects with a ProviderError. */
  async prepare({
    rate,
    hints,
    signal,
  }: {
    rate: 8000 | 16000;
    hints: readonly string[];
    signal: AbortSignal;
  }): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onMessage = (message: FromEar): void => {
      if (message.type === "open") resolve();
      if (message.type === "failed") reject(new ProviderError("pocketsphinx", "protocol", message.message));
    };
    const seat = this.sit({ onMessage, onLost: reject });
    try {
      seat.post({ type: "open", hearing: seat.hearing, rate, hints });
      await abortable(promise, signal);
    } finally {
      seat.leave();
    }
  }

  /** Resolves when every process has ended. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#ears].map((ear) => this.#end(ear)));
  }

  #seat(ear: Ear, listener: Listener): Seat {
    const hearing = this.#nextHearing++;
    ear.listeners.set(hearing, listener);
    ear.process.ref();
    ear.process.channel?.ref();
    return {
      hearing,
      post: (message) => {
        // A failure to send shows as the end of the process.
        if (ear.alive && ear.process.connected) ear.process.send(message, () => {});
      },
      kill: () => {
        ear.process.kill("SIGKILL");
      },
      leave: () => {
        if (!ear.listeners.delete(hearing) || !ear.alive) return;
        if (ear.process.connected) ear.process.send({ type: "close", hearing } satisfies ToEar, () => {});
        if (ear.listeners.size === 0) this.#rest(ear);
      },
    };
  }

  #rest(ear: Ear): void {
    const idle = [...this.#ears].filter((one) => one.listeners.size === 0);
    if (idle.length > 1) ear.process.kill("SIGKILL");
    ear.process.unref();
    ear.process.channel?.unref();
  }

  #start(): Ear {
    const script = new URL(`./child${extname(import.meta.filename)}`, import.meta.url);
    const child = fork(script, [this.#options.folder], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // Nothing of the service's secrets goes into a process that does not need them.
      env: {
        PATH: process.env.PATH,
        TMPDIR: process.env.TMPDIR,
        LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH,
      },
    });
    const ear: Ear = { process: child, listeners: new Map(), alive: true, missing: undefined };
    this.#ears.add(ear);
    child.on("message", (message) => this.#receive(ear, message as FromEar));
    child.on("error", (error) => this.#lost(ear, error.message));
    child.on("exit", (code, signal) => this.#lost(ear, `its process ended with ${signal ?? code}`));
    return ear;
  }

  #receive(ear: Ear, message: FromEar): void {
    if (message.type === "ready") return;
    if (message.type !== "missing") {
      ear.listeners.get(message.hearing)?.onMessage(message);
      return;
    }
    ear.missing = message.message;
    ear.process.kill("SIGKILL");
    this.#lost(ear, message.message);
  }

  #lost(ear: Ear, reason: string): void {
    if (!ear.alive) return;
    ear.alive = false;
    this.#ears.delete(ear);
    if (this.#closed) return;
    const error = new ProviderError("pocketsphinx", ear.missing === undefined ? "unreachable" : "missing", reason);
    if (ear.listeners.size > 0) this.#options.log.warn({ err: error, hearings: ear.listeners.size }, "an ear was lost");
    for (const listener of [...ear.listeners.values()]) listener.onLost(error, ear.missing !== undefined);
  }

  async #end(ear: Ear): Promise<void> {
    const { process: child } = ear;
    ear.alive = false;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    child.ref();
    child.kill("SIGKILL");
    await ended;
  }
}
