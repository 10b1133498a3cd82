import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { Clock, Timer } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Cdr, CdrChange, CdrEntry, CdrStore, CdrTurn } from "../call/cdr.ts";
import type { MemoryStore, Remembered } from "../call/memory.ts";
import { expireRegularly } from "./expiry.ts";
import type { ClaimOptions, Claims, Settled } from "./outbox.ts";
import { ownerOf } from "./owner.ts";
import type { FromRecordThread, RecordThreadData, ToRecordThread } from "./protocol.ts";
import type { KeepDays } from "./retention.ts";

export interface RecordsOptions {
  readonly dir: string;
  readonly keepDays: KeepDays;
  readonly clock: Clock;
  readonly log: Log;
  /** Something was not written, or not at once: the alarm's count. */
  readonly onFailure: () => void;
}

/** The messages to other systems. Nothing rejects: what the disk does not do now is tried again. */
export interface Outbox {
  /** Undefined: the disk does not say. */
  claim(options: Omit<ClaimOptions, "owner" | "nowMs">): Promise<Claims | undefined>;
  settle(seq: number, settled: Settled): Promise<void>;
}

/** The call records of this process: a thread writes them. */
export interface Records extends CdrStore, MemoryStore {
  /** Resolves when the disk took, or refused, its first word: from here on a record is on the disk in a moment. */
  readonly ready: Promise<void>;
  readonly outbox: Outbox;
  /** A record is complete, and its webhook may be told. */
  onComplete: () => void;
  /** Resolves when all that was given is written, or was tried. May be called twice. */
  close(): Promise<void>;
}

/** Jobs that the thread has not done. A disk that hangs costs turns first; each call's last word is waited with. */
const TURNS_WAITING_MAX = 2000;
const JOBS_WAITING_MAX = 10_000;
const RETRY_MS = 10_000;
const TELL_AGAIN_MS = 60_000;
/** A thread that dies so often does not get well by another start. */
const DEATHS_MAX = 5;

/** Begins to keep records. What fails is logged and counted, and costs no call anything. */
export function openRecords(options: RecordsOptions): Records {
  const { keepDays } = options;
  const scribe = new Scribe(options);
  // The thread is up, and has said what is wrong with the disk, before the first call comes.
  scribe.post({ type: "retry" });
  const ready = scribe.idle();
  let handles = 0;
  const expiring = expireRegularly(options, () => void scribe.post({ type: "expire", keepDays }));
  const records: Records = {
    ready,
    onComplete: () => {},
    outbox: {
      claim: async (options) => (await scribe.ask({ type: "claim", options }))?.claims,
      settle: async (seq, settled) => void (await scribe.ask({ type: "settle", seq, settled })),
    },
    open(cdr) {
      const handle = ++handles;
      const known = { cdr };
      scribe.up.set(handle, known);
      scribe.post({ type: "open", handle, cdr });
      return entryOf(scribe, handle, known, () => records.onComplete());
    },
    recall: (number) => scribe.recall(number, keepDays.memories ?? 0),
    remember: (number, note) => void scribe.post({ type: "remember", number, ...note }),
    async close() {
      expiring.cancel();
      await scribe.close();
    },
  };
  return records;
}

function entryOf(scribe: Scribe, handle: number, known: { cdr: Cdr }, onComplete: () => void): CdrEntry {
  // Where something was left out, the whole record is given in the end.
  let whole = true;
  const change = (changed: CdrChange, turn?: CdrTurn): void => {
    known.cdr = { ...known.cdr, ...changed, turns: turn ? [...known.cdr.turns, turn] : known.cdr.turns };
    whole = scribe.post({ type: "change", handle, change: changed, ...(turn && { turn }) }) && whole;
  };
  return {
    append: (turn, changed) => change(changed, turn),
    change: (changed) => change(changed),
    close(changed) {
      known.cdr = { ...known.cdr, ...changed };
      const last = known.cdr;
      scribe.up.delete(handle);
      scribe.post(whole ? { type: "change", handle, change: changed } : { type: "open", handle, cdr: last }, { last });
      if (last.webhook !== "") onComplete();
    },
  };
}

/** For who watches over the processes that have calls: closes the records of those that are gone. Never rejects. */
export async function closeLostRecords(options: Omit<RecordsOptions, "keepDays">): Promise<void> {
  const scribe = new Scribe(options);
  scribe.post({ type: "closeLost" });
  await scribe.close();
}

interface Job {
  readonly job: ToRecordThread;
  readonly last?: Cdr;
  /** Who waits for it. Undefined: it was not done. */
  readonly answered?: (done: Done | undefined) => void;
}

type Done = Extract<FromRecordThread, { type: "done" }>;

/** The thread, seen from the calls: what it was given and has not done, and how it is. */
class Scribe {
  /** The calls that are up: what a new thread must know. */
  readonly up = new Map<number, { cdr: Cdr }>();
  readonly #options: Omit<RecordsOptions, "keepDays">;
  readonly #idle = new Set<() => void>();
  #thread: Worker | undefined;
  #jobs: Job[] = [];
  #deaths = 0;
  #toldMs: number | undefined;
  #failing = false;
  #retry: Timer | undefined;
  #closed = false;

  constructor(options: Omit<RecordsOptions, "keepDays">) {
    this.#options = options;
  }

  /** `last`: the whole record, where this job completes it. False: it was not taken. */
  post(job: ToRecordThread, { last, answered }: Omit<Job, "job"> = {}): boolean {
    if (this.#closed) return false;
    const full = this.#jobs.length >= (job.type === "change" && !last ? TURNS_WAITING_MAX : JOBS_WAITING_MAX);
    if (full || !this.#start()) {
      this.#fail(full ? "the disk does not keep up" : "the thread that writes them has died too often", "");
      return false;
    }
    this.#jobs.push({ job, ...(last && { last }), ...(answered && { answered }) });
    this.#thread?.ref();
    this.#thread?.postMessage(job);
    return true;
  }

  /** What the thread finds, after all that it was given before. Nothing, where it cannot be asked. */
  async recall(number: string, days: number): Promise<readonly Remembered[]> {
    return (await this.ask({ type: "recall", number, days }))?.recalled ?? [];
  }

  /** Undefined: the disk did not do it. */
  ask(job: ToRecordThread): Promise<Done | undefined> {
    return new Promise((resolve) => {
      if (!this.post(job, { answered: resolve })) resolve(undefined);
    });
  }

  /** Resolves when the thread has done what it was given. */
  idle(): Promise<void> {
    if (this.#jobs.length === 0) return Promise.resolve();
    return new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    await this.idle();
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }

  #start(): boolean {
    if (this.#thread) return true;
    if (this.#deaths >= DEATHS_MAX) return false;
    const data: RecordThreadData = { dir: this.#options.dir, owner: ownerOf(process.pid) };
    const script = new URL(`record-thread${extname(import.meta.filename)}`, import.meta.url);
    const thread = new Worker(script, {
      name: "records",
      workerData: data,
      resourceLimits: { maxYoungGenerationSizeMb: 4 },
    });
    const died = (why: unknown): void => {
      if (thread === this.#thread) this.#died(why);
    };
    thread.on("message", (message: FromRecordThread) => {
      if (thread === this.#thread) this.#onMessage(message);
    });
    thread.on("error", died);
    thread.on("exit", (code) => died(new Error(`the thread ended with code ${code}`)));
    this.#thread = thread;
    return true;
  }

  #onMessage(message: FromRecordThread): void {
    const { log, dir, onFailure } = this.#options;
    if (message.type === "setAside") {
      onFailure();
      log.error(
        { file: message.file },
        "THE CALL RECORDS WERE BROKEN: the database was set aside under this name, and a new one is used",
      );
      return;
    }
    if (message.type === "dropped") {
      onFailure();
      log.error({ dir }, "a call record is lost: too many wait for the disk");
      return;
    }
    this.#jobs.shift()?.answered?.(message.failed ? undefined : message);
    if (message.failed) this.#fail(message.failed.message, message.failed.code);
    else if (message.waiting === 0) this.#well();
    if (message.waiting > 0) this.#retryLater();
    if (message.lost) log.warn({ calls: message.lost }, "call records that a dead worker had left open were closed");
    const gone = message.expired;
    if (gone && gone.records + gone.transcripts + gone.recordings > 0)
      log.info({ ...gone }, "old call records were removed");
    if (gone && gone.failed > 0)
      log.error({ recordings: gone.failed }, "old recordings could not be removed: may this user write their folder?");
    if (this.#jobs.length > 0) return;
    // Idle, it keeps no process up.
    this.#thread?.unref();
    this.#rest();
  }

  #fail(reason: string, code: string): void {
    const { clock, log, dir, onFailure } = this.#options;
    onFailure();
    this.#failing = true;
    if (this.#toldMs !== undefined && clock.now() - this.#toldMs < TELL_AGAIN_MS) return;
    this.#toldMs = clock.now();
    log.error({ reason, code, dir }, "call records cannot be written; calls go on, and the records wait in memory");
  }

  #well(): void {
    if (!this.#failing) return;
    this.#failing = false;
    this.#toldMs = undefined;
    this.#options.log.info({ dir: this.#options.dir }, "call records are written again");
  }

  #retryLater(): void {
    if (this.#retry || this.#closed) return;
    this.#retry = this.#options.clock.after(RETRY_MS, () => {
      this.#retry = undefined;
      this.post({ type: "retry" });
    });
  }

  /** Another thread is told of the calls that are up, and of those whose end this one had not written. */
  #died(why: unknown): void {
    this.#thread = undefined;
    this.#deaths++;
    const unfinished = this.#jobs.flatMap(({ job, last }) => (last && "handle" in job ? [{ job, last }] : []));
    for (const { answered } of this.#jobs.splice(0)) answered?.(undefined);
    this.#fail(messageOf(why), "");
    for (const { job, last } of unfinished) this.post({ type: "open", handle: job.handle, cdr: last }, { last });
    for (const [handle, { cdr }] of this.up) this.post({ type: "open", handle, cdr });
    if (this.#jobs.length === 0) this.#rest();
  }

  #rest(): void {
    for (const resolve of this.#idle) resolve();
    this.#idle.clear();
  }
}
