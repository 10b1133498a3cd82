import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import type { Cdr, CdrStore } from "../../src/call/cdr.ts";
import type { MemoryStore } from "../../src/call/memory.ts";
import { createLiveCalls } from "../../src/server/live.ts";
import { Desk } from "../../src/service/desk.ts";
import type { Generation } from "../../src/service/generation.ts";
import type { Database } from "../../src/store/database.ts";
import { JournalFolder } from "../../src/store/journal-folder.ts";
import { RecordBook } from "../../src/store/record-book.ts";
import { Lifeline } from "../../src/supervisor/lifeline.ts";
import { diskOf, type SharedDisk } from "./disk.ts";
import type { Attached, Pbx } from "./pbx.ts";
import { type Stage, talkerOn } from "./talk.ts";
import { Process, type World } from "./world.ts";

/** What the processes of one machine share. */
export interface Machine {
  readonly world: World;
  readonly pbx: Pbx;
  readonly disk: SharedDisk;
  readonly database: Database;
  readonly dir: string;
  readonly stage: Stage;
  readonly processes: Map<string, Process>;
  readonly mutations: ReadonlySet<Mutation>;
}

/** A promise that somebody has broken: each must be noticed. */
export type Mutation =
  | "no fence"
  | "two on one medium"
  | "nobody kills the hung"
  | "lost records stay open"
  | "records lose their owner"
  | "no attempt limit"
  | "Dial without a limit"
  | "tools do not wait for the journal"
  | "no dead-man's timer"
  | "the timer stays armed"
  | "socket_resume stays on"
  | "an untaken offer is a death";

const metrics = createMetrics();
export const HEARTBEAT_MS = 200;

const agent = { name: "reception", voice: "v", language: "en", hints: [], limits: {} };
const generation = {
  config: { limits: { calls: 50, callerPerMinute: 100 } },
  agentFor: () => ({
    agent,
    filler: { prepare: () => Promise.resolve() },
    forCall: () => ({ stt: {}, llm: {}, tts: {} }),
  }),
  enter: () => () => {},
  retire: () => Promise.resolve(),
} as unknown as Generation;

/** A worker's process: the engine, the desk, the journal and the records are the product's own. */
export class Worker {
  readonly process: Process;
  readonly desk: Desk;
  readonly attached: Attached;
  /** Hears what the worker tells its supervisor. */
  onMessage: () => void = () => {};
  readonly #drain: () => void;

  constructor(machine: Machine, name: string) {
    const { world, pbx, disk, stage, mutations } = machine;
    const process = new Process(world, name);
    this.process = process;
    machine.processes.set(name, process);
    const { clock } = process;
    this.attached = pbx.attach(process);
    const { engine, channelOf: mediaOf } = this.attached;
    const journal = new JournalFolder({
      ...{ dir: "journal", fsync: "never", secret: undefined, clock, log: silentLog, onFailure() {} },
      disk: diskOf(world, disk, process),
    });
    this.desk = new Desk({
      ...{ clock, log: silentLog, metrics, live: createLiveCalls({ clock }) },
      store: storeOf(machine, process),
      journal: mutations.has("no fence") ? unfenced(journal, machine) : journal,
      callers: { admit: () => true },
      memories: {} as MemoryStore,
      opening: { agentIsOpen: () => true, hoursOf: () => ({ open: true }) },
      briefs: { speak: () => undefined },
      generation: () => generation,
      talk: talkerOn(world, { stage, process, mediaOf, hasty: mutations.has("tools do not wait for the journal") }),
    });
    const abort = new AbortController();
    void engine.run((leg) => this.desk.onLeg(leg, engine.name), abort.signal);
    this.#drain = () => {
      this.desk.refuseNew();
      engine.drain();
    };
    const send = (message: unknown, _handle: undefined, _options: object, done: (error: Error | null) => void) => {
      world.after(world.between(0.1, 2), () => this.onMessage());
      done(null);
      return message !== undefined;
    };
    const channel = { connected: true, send, on() {}, off() {} };
    new Lifeline({
      ...{
        clock,
        heartbeatMs: HEARTBEAT_MS,
        channel,
        calls: () => this.desk.calls,
        memoryMb: () => 100,
        onWish() {},
        onOrphaned() {},
      },
    });
  }

  /** Takes no new calls; after `ms` it gives back what it has and leaves. */
  drain(ms: number): void {
    const { process, desk } = this;
    process.deliver(() => {
      this.#drain();
      void desk
        .whenIdle(ms)
        .then(() => desk.giveAllBack("drain"))
        .then(() => desk.whenIdle(1500))
        .then(() => process.kill());
    });
  }
}

/** Whoever asks for a call gets it, with what stands in its journal. */
function unfenced(journal: JournalFolder, { disk }: Machine): Pick<JournalFolder, "begin" | "claim"> {
  return {
    begin: (call, name) => journal.begin(call, name),
    claim(call) {
      for (const path of disk.files.keys()) if (path.endsWith(".2.jsonl")) disk.files.delete(path);
      return journal.claim(call);
    },
  };
}

export function bookOf({ world, database, dir, processes, mutations }: Machine, owner: string): RecordBook {
  return new RecordBook({
    ...{
      dir,
      owner,
      wall: () => world.clock.wall(),
      onSetAside() {},
      onDropped: () => world.violated("a record was dropped"),
    },
    isAlive: (other) => processes.get(other)?.state !== "dead" && processes.has(other),
    open: () => database,
    ...(mutations.has("lost records stay open") && { isAlive: () => true }),
  });
}

/** The records' thread: it waits for the disk, and dies with its process. */
function storeOf(machine: Machine, process: Process): CdrStore {
  const { world, mutations } = machine;
  const book = bookOf(machine, process.name);
  let last: Promise<unknown> = Promise.resolve();
  let handles = 0;
  let dueMs = 0;
  const post = (job: () => Promise<void>): void => {
    dueMs = Math.max(dueMs, world.nowMs + world.between(0.2, 4));
    process.clock.after(dueMs - world.nowMs, () => {
      // What the disk refuses is kept by the book, and tried again with the next.
      last = last.then(() => (process.state === "dead" ? undefined : job())).catch(() => undefined);
    });
  };
  return {
    open(cdr: Cdr) {
      const handle = ++handles;
      const own = mutations.has("records lose their owner") ? { ...cdr, attempt: 1 } : cdr;
      post(() => book.open(handle, own));
      return {
        append: (turn, change) => post(() => book.change(handle, change, turn)),
        change: (change) => post(() => book.change(handle, change)),
        close: (change) => post(() => book.change(handle, change)),
      };
    },
  };
}
