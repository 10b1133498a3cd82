import { chmod, mkdir, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { joinWav } from "../audio/wav-join.ts";
import { mendWav } from "../audio/wav-mend.ts";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { RawRecording, RecordingPolicy, RecordingStore } from "./recording.ts";
import { recordingPath } from "./recording-path.ts";

export interface RecordingFolderOptions {
  readonly policy: RecordingPolicy;
  /** Where the WAV files go. Absolute. */
  readonly dir: string;
  readonly pattern: string;
  readonly clock: Clock;
  readonly log: Log;
  /** `kept`: the WAV file is there. `failed`: it could not be made, and is tried again. `missing`: the PBX has recorded nothing. */
  readonly count: (result: "kept" | "failed" | "missing") => void;
}

/** What a PBX leaves of one call: a file of each side, or a WAV file of both. */
interface Pair extends RawRecording {
  readonly rate: number;
  readonly caller: string | undefined;
  readonly agent: string | undefined;
  readonly both: string | undefined;
}

// The last frames of a call that was hung up are written a moment after its end.
const LOOK_MS = 100;
const MAX_LOOKS = 50;
const WAV_HEAD_BYTES = 44;
const WAV_FRAME_BYTES = 4;
const PART = ".part";
const PART_MS = 3_600_000;
const MAX_WAITING = 10_000;
// <seconds since 1970>-<id of the call>-<side>.<format>, as the dialplan names them.
const RAW = /^(\d{9,11})-([A-Za-z0-9._-]{1,150})-(caller|agent)\.(sln|sln16)$/;
// FreeSWITCH writes a WAV file, the caller left and the agent right, under the same name.
const RAW_WAV = /^(\d{9,11})-([A-Za-z0-9._-]{1,150})\.wav$/;
const RATES: Readonly<Record<string, number>> = { sln: 8000, sln16: 16_000 };

/** Makes WAV files of what the PBX has recorded: one after the other, and as often as it takes. Nothing is removed before its WAV file is on the disk. */
export class RecordingFolder implements RecordingStore {
  readonly policy: RecordingPolicy;
  readonly #options: RecordingFolderOptions;
  /** Those of which a failure has been told already. */
  readonly #told = new Set<string>();
  #work: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: RecordingFolderOptions) {
    this.policy = options.policy;
    this.#options = options;
  }

  /** Makes the folders where they are missing, for the PBX's user to write to by way of the group. Rejects with what the file system says. */
  async prepare(): Promise<void> {
    for (const folder of [this.#options.dir, this.policy.spool]) {
      const made = await mkdir(folder, { recursive: true, mode: 0o750 });
      // What is made below belongs to the folder's group as well (the set-group-id bit), whoever makes it.
      if (made !== undefined) await chmod(folder, folder === this.policy.spool ? 0o2770 : 0o2750);
    }
  }

  pathOf(raw: RawRecording): string {
    return join(this.#options.dir, recordingPath(this.#options.pattern, raw));
  }

  finished(raw: RawRecording): void {
    this.#later(async () => {
      const { call, startedEpochSeconds } = raw;
      const found = (await this.#pairs()).find(
        (pair) => pair.call === call && pair.startedEpochSeconds === startedEpochSeconds,
      );
      if (found) await this.#keep(found);
      else if (!(await exists(this.pathOf(raw)))) this.#miss(call);
    });
  }

  sweep(living: () => Promise<ReadonlySet<string>>): void {
    this.#later(async () => {
      const pairs = await this.#pairs();
      await this.#tidy();
      if (pairs.length === 0) return;
      const calls = await living();
      for (const pair of pairs) if (!calls.has(pair.call)) await this.#keep(pair);
    });
  }

  /** Resolves when everything that was asked for until now is done. */
  async idle(): Promise<void> {
    await this.#work;
  }

  #later(run: () => Promise<void>): void {
    const { log, count } = this.#options;
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting++;
    this.#work = this.#work.then(run).then(
      () => void this.#waiting--,
      (error: unknown) => {
        this.#waiting--;
        // A connection that was lost in between: the next one sweeps again.
        if (codeOf(error) === "closed" || codeOf(error) === "timeout") return;
        count("failed");
        log.error({ reason: messageOf(error), spool: this.policy.spool }, "the recordings could not be looked through");
      },
    );
  }

  async #pairs(): Promise<Pair[]> {
    const { spool } = this.policy;
    const pairs = new Map<string, Pair>();
    for (const name of await namesIn(spool)) {
      const [, since, whose] = RAW_WAV.exec(name) ?? [];
      if (since !== undefined && whose !== undefined)
        pairs.set(name, wavOf({ call: whose, startedEpochSeconds: Number(since) }, join(spool, name)));
      const [, seconds, call, side, format] = RAW.exec(name) ?? [];
      if (seconds === undefined || call === undefined || format === undefined) continue;
      const key = `${seconds}-${call}.${format}`;
      const empty = { call, startedEpochSeconds: Number(seconds), rate: RATES[format] ?? 8000 };
      const before = pairs.get(key) ?? { ...empty, caller: undefined, agent: undefined, both: undefined };
      pairs.set(key, { ...before, [side === "caller" ? "caller" : "agent"]: join(spool, name) });
    }
    return [...pairs.values()];
  }

  async #keep(pair: Pair): Promise<void> {
    const { log, count } = this.#options;
    const path = this.pathOf(pair);
    try {
      await this.#settled(pair);
      const samples = pair.both === undefined ? await this.#join(pair, path) : await this.#move(pair.both, path);
      this.#told.delete(path);
      if (samples > 0) count("kept");
      log.debug({ call: pair.call, seconds: Math.round(samples / pair.rate) }, "a recording was kept");
    } catch (error) {
      // Another worker was quicker: there is one file all the same, of the same sound.
      if (codeOf(error) === "ENOENT" && (await exists(path))) return;
      count("failed");
      if (!this.#told.has(path))
        log.error(
          { call: pair.call, path, reason: messageOf(error) },
          "a recording could not be made a WAV file; it stays where the PBX has left it, and is tried again",
        );
      this.#told.add(path);
    }
  }

  /** Several workers may do this at the same time: each writes a file of its own, and the last one to be renamed is as good as the first. */
  async #join({ caller, agent, rate, call }: Pair, path: string): Promise<number> {
    const part = join(this.policy.spool, `${call}-${process.pid}${PART}`);
    try {
      const samples = await joinWav({ channels: [caller, agent], rate, out: part });
      // A call that ended before a word was said leaves nothing.
      if (samples > 0) {
        await makeFolders(this.#options.dir, dirname(path));
        await rename(part, path);
      }
      for (const raw of [caller, agent]) if (raw !== undefined) await remove(raw);
      return samples;
    } finally {
      await remove(part);
    }
  }

  /** It is whole already. Resolves with its samples, about. */
  async #move(raw: string, path: string): Promise<number> {
    const samples = Math.floor(Math.max(0, (await stat(raw)).size - WAV_HEAD_BYTES) / WAV_FRAME_BYTES);
    // A call that ended before a word was said leaves nothing.
    if (samples === 0) {
      await remove(raw);
      return 0;
    }
    await makeFolders(this.#options.dir, dirname(path));
    // A FreeSWITCH that died has not said in the head how long it became.
    await mendWav(raw);
    await rename(raw, path);
    return samples;
  }

  async #settled({ caller, agent, both }: Pair): Promise<void> {
    const paths = [caller, agent, both].filter((path) => path !== undefined);
    let before = -1;
    for (let look = 0; look < MAX_LOOKS; look++) {
      const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size));
      const size = sizes.reduce((sum, each) => sum + each, 0);
      if (size === before) return;
      before = size;
      await this.#options.clock.sleep(LOOK_MS);
    }
  }

  /** A worker that died while it wrote has left its part. */
  async #tidy(): Promise<void> {
    const { spool } = this.policy;
    for (const name of await namesIn(spool)) {
      const path = join(spool, name);
      if (!name.endsWith(PART)) continue;
      const { mtimeMs } = await stat(path);
      if (this.#options.clock.wall() - mtimeMs > PART_MS) await remove(path);
    }
  }

  #miss(call: string): void {
    this.#options.count("missing");
    this.#options.log.error(
      { call, spool: this.policy.spool },
      "a call was to be recorded, and the PBX has left nothing: can its user write there?",
    );
  }
}

const wavOf = (raw: RawRecording, both: string): Pair => ({
  ...raw,
  rate: 8000,
  caller: undefined,
  agent: undefined,
  both,
});

/** Where nothing was ever recorded there is no folder. */
async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error))) return [];
    throw error;
  }
}

async function makeFolders(dir: string, folder: string): Promise<void> {
  if (folder.length <= dir.length) return;
  await makeFolders(dir, dirname(folder));
  try {
    await mkdir(folder);
    await chmod(folder, 0o2750);
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

async function remove(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    // Gone is what it shall be.
    if (codeOf(error) !== "ENOENT") throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch {
    return false;
  }
}
