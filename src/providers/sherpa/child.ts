import { type ChildProcess, fork } from "node:child_process";
import { extname } from "node:path";
import { type Backoff, createBackoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { abortable } from "../../base/signals.ts";
import { ProviderError, type ProviderErrorCode } from "../../conversation/providers.ts";
import type { Manifest } from "./manifest.ts";
import type { FromChild, Placed, Start, ToChild } from "./talk.ts";

export interface ChildOptions<Settings> {
  readonly provider: string;
  /** The child's script without its ending, which is that of this file: .ts in the source, .js when built. It calls `serve`. */
  readonly script: URL;
  readonly folder: string;
  readonly manifest?: Manifest | undefined;
  readonly settings: Settings;
  /** How long checking and loading the model may take. */
  readonly loadMs: number;
  /** A child that has not answered for so long hangs. */
  readonly hangMs?: number;
  /** Default: sherpa-onnx-node. */
  readonly library?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

export interface Listener<Answer> {
  onAnswer(answer: Answer): void;
  /** The child is gone, with all who had a place in it. Once. */
  onLost(error: ProviderError): void;
}

/** A place in the child, for a call or for a job. */
export interface Place<Ask> {
  readonly place: number;
  post(ask: Ask): void;
  /** May be called twice. */
  leave(): void;
}

interface Living<Answer> {
  readonly process: ChildProcess;
  readonly listeners: Map<number, Listener<Answer>>;
  readonly startedAt: number;
  readonly ready: PromiseWithResolvers<void>;
  loading: Timer | undefined;
  pings: number;
  /** Something was asked, and nothing has come since. */
  owes: boolean;
  complaint: string;
  alive: boolean;
}

const HANG_MS = 8_000;
// One death may happen; after the second in a row it rests for a while, and longer each time.
const REST_MS = { minMs: 1_000, maxMs: 60_000 };
// A child that has lived so long was well: its death is the first again.
const WELL_MS = 30_000;
const MAX_COMPLAINT = 400;

/**
 * The one process in which a configured provider's model runs, for all calls. The library ends the process it is in when a model's
 * file is broken, so that process is never ours. Started when somebody needs it, and again after it died.
 */
export class SherpaChild<Settings, Ask extends Placed, Answer extends Placed> {
  readonly #options: ChildOptions<Settings>;
  readonly #rest: Backoff = createBackoff(REST_MS);
  readonly #watch: Timer;
  #living: Living<Answer> | undefined;
  #trusted: string | undefined;
  #deaths = 0;
  #restsUntil = 0;
  #lastError: ProviderError | undefined;
  #nextPlace = 1;
  #starts = 0;
  #closed = false;

  constructor(options: ChildOptions<Settings>) {
    this.#options = options;
    this.#watch = options.clock.every((options.hangMs ?? HANG_MS) / 2, () => this.#ping());
  }

  /** How many processes there have been. */
  get starts(): number {
    return this.#starts;
  }

  get pid(): number | undefined {
    return this.#living?.process.pid;
  }

  get places(): number {
    return this.#living?.listeners.size ?? 0;
  }

  /** Starts it, if it does not live. Throws a ProviderError while it rests after it died too often. */
  wake(): void {
    this.#start();
  }

  /** As `wake`, and takes a place. */
  enter(listener: Listener<Answer>): Place<Ask> {
    const living = this.#start();
    const place = this.#nextPlace++;
    living.listeners.set(place, listener);
    hold(living.process, true);
    return {
      place,
      post: (ask) => {
        living.owes = true;
        this.#send(living, { type: "ask", ask });
      },
      leave: () => {
        if (living.listeners.delete(place) && living.listeners.size === 0) hold(living.process, false);
      },
    };
  }

  /** Resolves when the model is loaded. Rejects with the signal's reason or a ProviderError. */
  async ready(signal: AbortSignal): Promise<void> {
    const living = this.#start();
    // Nobody sits there yet, and it is waited for all the same.
    hold(living.process, true);
    try {
      await abortable(living.ready.promise, signal);
    } finally {
      if (living.listeners.size === 0) hold(living.process, false);
    }
  }

  /** Resolves when the process has ended. May be called twice. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#watch.cancel();
    const living = this.#living;
    if (!living) return;
    this.#end(living, new ProviderError(this.#options.provider, "unreachable", "it was closed"));
    const { process: child } = living;
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return;
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    hold(child, true);
    await ended;
  }

  #start(): Living<Answer> {
    const { provider, clock, folder, manifest, settings, library = "sherpa-onnx-node", loadMs } = this.#options;
    if (this.#closed) throw new ProviderError(provider, "unreachable", "it was closed");
    if (this.#living) return this.#living;
    const restMs = this.#restsUntil - clock.now();
    if (restMs > 0 && this.#lastError) throw this.#lastError;
    this.#starts += 1;
    const living: Living<Answer> = {
      process: this.#fork(),
      listeners: new Map(),
      startedAt: clock.now(),
      ready: Promise.withResolvers<void>(),
      loading: clock.after(loadMs, () => this.#lose(living, "timeout", `its model was not loaded in ${loadMs} ms`)),
      pings: 0,
      owes: false,
      complaint: "",
      alive: true,
    };
    living.ready.promise.catch(() => {});
    this.#living = living;
    this.#listen(living);
    const start: Start<Settings> = { type: "start", library, folder, manifest, trusted: this.#trusted, settings };
    this.#send(living, start);
    hold(living.process, false);
    return living;
  }

  #fork(): ChildProcess {
    const { script } = this.#options;
    return fork(new URL(script.href + extname(import.meta.filename)), [], {
      serialization: "advanced",
      stdio: ["ignore", "ignore", "pipe", "ipc"],
      execArgv: ["--disable-warning=ExperimentalWarning"],
      // Nothing of the service's secrets goes into a process that does not need them.
      env: { PATH: process.env.PATH, TMPDIR: process.env.TMPDIR, LD_LIBRARY_PATH: process.env.LD_LIBRARY_PATH },
    });
  }

  #listen(living: Living<Answer>): void {
    const { process: child } = living;
    child.on("message", (message) => this.#receive(living, message as FromChild<Answer>));
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      living.complaint = (living.complaint + text).slice(-MAX_COMPLAINT);
    });
    child.on("error", (error) => this.#lose(living, "unreachable", error.message));
    // "close" comes after the last that it has said; what it said is why it ended.
    child.on("close", (code, signal) => {
      this.#lose(living, "unreachable", `its process ended with ${signal ?? code}`);
    });
  }

  #receive(living: Living<Answer>, message: FromChild<Answer>): void {
    if (!living.alive) return;
    living.pings = 0;
    living.owes = false;
    if (message.type === "answer") living.listeners.get(message.answer.place)?.onAnswer(message.answer);
    else if (message.type === "missing") this.#lose(living, "missing", message.message);
    else if (message.type === "ready") {
      this.#trusted = message.trusted;
      living.loading?.cancel();
      living.loading = undefined;
      living.ready.resolve();
    }
  }

  /** Only while somebody is there or has left without an answer, and once it is loaded: loading has its own limit. */
  #ping(): void {
    const living = this.#living;
    if (!living || living.loading || (living.listeners.size === 0 && !living.owes)) return;
    const { hangMs = HANG_MS } = this.#options;
    if (living.pings >= 2) this.#lose(living, "timeout", `its process has not answered for ${hangMs} ms`);
    living.pings += 1;
    living.owes = true;
    this.#send(living, { type: "ping" });
  }

  #send(living: Living<Answer>, message: ToChild<Settings, Ask>): void {
    // A failure to send shows as the end of the process.
    if (living.alive && living.process.connected) living.process.send(message, () => {});
  }

  #lose(living: Living<Answer>, code: ProviderErrorCode, reason: string): void {
    if (!living.alive) return;
    const { clock, log, provider } = this.#options;
    const now = clock.now();
    this.#deaths = now - living.startedAt >= WELL_MS ? 1 : this.#deaths + 1;
    if (this.#deaths === 1) this.#rest.reset();
    const restMs = this.#deaths === 1 ? 0 : this.#rest.next();
    this.#restsUntil = now + restMs;
    const error = new ProviderError(provider, code, reason);
    this.#lastError = error;
    log.warn(
      { err: error, restMs, complaint: living.complaint, places: living.listeners.size },
      "a model's process died",
    );
    this.#end(living, error);
  }

  #end(living: Living<Answer>, error: ProviderError): void {
    living.alive = false;
    if (this.#living === living) this.#living = undefined;
    living.loading?.cancel();
    living.process.kill("SIGKILL");
    living.ready.reject(error);
    for (const listener of [...living.listeners.values()]) listener.onLost(error);
    living.listeners.clear();
  }
}

/** Idle, a child keeps nobody up. */
function hold(child: ChildProcess, held: boolean): void {
  const stderr = child.stderr as (NodeJS.ReadableStream & { ref?(): void; unref?(): void }) | null;
  for (const one of [child, child.channel, stderr]) {
    if (held) one?.ref?.();
    else one?.unref?.();
  }
}
