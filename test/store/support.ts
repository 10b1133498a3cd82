import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cdr, type CdrTurn, emptyCdr } from "../../src/call/cdr.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { ownerOf } from "../../src/store/owner.ts";
import { RecordBook } from "../../src/store/record-book.ts";
import { FakeLeg } from "../fakes/leg.ts";

const leg = new FakeLeg({ media: () => Promise.reject(new Error("no media in these tests")) });

export const NOON = Date.UTC(2026, 10, 20, 12);

export const cdrOf = (change: Partial<Cdr> = {}): Cdr => ({
  ...emptyCdr(leg, { engine: "asterisk", agent: "reception", started: new Date(NOON).toISOString() }),
  ...change,
});

export const turnOf = (caller: string): CdrTurn => ({
  ...{ callerMs: 1000, caller, agentMs: 2000, agent: "I see.", heard: "I see.", heardMs: 500 },
  ...{ latencyMs: { totalMs: 640 }, interrupted: false, bargeInMs: null, tools: [] },
});

export const ended = (at = NOON + 60_000) =>
  ({ ended: new Date(at).toISOString(), next: { next: "hangup" }, hangupCause: "normal" }) as const;

export const linesIn = (dir: string): Cdr[] =>
  readdirSync(dir)
    .filter((name) => name.endsWith(".jsonl"))
    .sort()
    .flatMap((name) => readFileSync(join(dir, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Cdr);

/** A folder of records, gone when the test is. */
export class RecordFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "sidetone-records-"));
  readonly dir = join(this.path, "records");
  readonly setAside: string[] = [];
  dropped = 0;
  readonly #open: RecordBook[] = [];

  book(owner = ownerOf(process.pid)): RecordBook {
    const book = new RecordBook({
      dir: this.dir,
      owner,
      wall: () => NOON,
      onSetAside: (file) => void this.setAside.push(file),
      onDropped: () => void this.dropped++,
    });
    this.#open.push(book);
    return book;
  }

  async calls(): Promise<Cdr[]> {
    const database = openReading(this.dir);
    try {
      return database ? await listCalls(database.db, { limit: 100 }) : [];
    } finally {
      database?.close();
    }
  }

  /** What stands in the files of JSON lines. */
  lines(): Cdr[] {
    return linesIn(this.dir);
  }

  [Symbol.dispose](): void {
    for (const book of this.#open) book.close();
    rmSync(this.path, { recursive: true, force: true });
  }
}
