import { type FileHandle, mkdir, open, readdir, rm, stat } from "node:fs/promises";
import { codeOf } from "../base/errors.ts";

/** One file that is being written. */
export interface DiskFile {
  /** Writes at that place, and returns how many bytes were taken. */
  write(data: Buffer, at: number): Promise<number>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** What a journal asks of a disk. */
export interface JournalDisk {
  /** How many files may be written at once. Default: one. */
  readonly lanes?: number;
  /** How long after a failure it is tried again. Default: a second. */
  readonly retryMs?: number;
  /** What is old it removes by itself. */
  readonly expires?: boolean;
  makeFolder(dir: string): Promise<void>;
  /** Makes it, for the service's user alone. Undefined: there is one of this name already, and somebody else has made it. */
  create(path: string): Promise<DiskFile | undefined>;
  /** Undefined: there is none. */
  read(path: string): Promise<string | undefined>;
  /** That there is none is no fault. */
  remove(path: string): Promise<void>;
  /** Names; none where there is no such folder. */
  list(dir: string): Promise<string[]>;
  /** Milliseconds since 1970; undefined: there is none. */
  changedAt(path: string): Promise<number | undefined>;
  /** Where several hosts share it: whoever is the first to ask has the name, and nobody else for so long. */
  reserve?(name: string, keepMs: number): Promise<boolean>;
  /** For whoever does nothing but with it: resolves when it answers, rejects when it does not. */
  ready?(): Promise<void>;
  close?(): Promise<void>;
}

async function unless<T>(code: string, work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === code) return undefined;
    throw error;
  }
}

const READ_BYTES = 64 * 1024;

/**
 * In as few turns of the disk as can be, each of which is one of a busy loop, too: a caller waits. What `readFile` asks first (how long is
 * it?) is found out by reading, and nobody waits for the closing.
 */
async function textOf(handle: FileHandle): Promise<string> {
  try {
    const pieces: Buffer[] = [];
    for (let at = 0; ; ) {
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, at);
      pieces.push(buffer.subarray(0, bytesRead));
      at += bytesRead;
      if (bytesRead < READ_BYTES) return Buffer.concat(pieces).toString("utf8");
    }
  } finally {
    handle.close().catch(() => {});
  }
}

/** This machine's own. */
export const realDisk: JournalDisk = {
  async makeFolder(dir) {
    await mkdir(dir, { recursive: true, mode: 0o700 });
  },
  async create(path) {
    const handle = await unless("EEXIST", open(path, "wx", 0o600));
    return (
      handle && {
        write: async (data, at) => (await handle.write(data, 0, data.length, at)).bytesWritten,
        sync: () => handle.datasync(),
        close: () => handle.close(),
      }
    );
  },
  read: async (path) => {
    const handle = await unless("ENOENT", open(path, "r"));
    return handle && (await textOf(handle));
  },
  remove: (path) => rm(path, { force: true }),
  list: async (dir) => (await unless("ENOENT", readdir(dir))) ?? [],
  changedAt: async (path) => (await unless("ENOENT", stat(path)))?.mtimeMs,
};
