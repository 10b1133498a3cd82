import { statfsSync, statSync } from "node:fs";
import { type FileHandle, open, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { codeOf, OutsideError } from "../../base/errors.ts";

/** A larger one takes too long to fill. */
const FILL_MAX_BYTES = 256 * 2 ** 20;
const PIECE_BYTES = 2 ** 20;

/** Why the disk below this folder must not be filled; undefined: it is the folder's own, and small. */
export function diskIsShared(folder: string): string | undefined {
  try {
    if (statSync(folder).dev === statSync(dirname(folder)).dev)
      return `${folder} (stateDir) is not on a file system of its own: other programs would have no disk either`;
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    if (free <= FILL_MAX_BYTES) return undefined;
    return `${folder} has ${Math.round(free / 2 ** 20)} MB left, more than the ${FILL_MAX_BYTES / 2 ** 20} MB that are filled`;
  } catch (error) {
    return `${folder} cannot be looked at (${codeOf(error)})`;
  }
}

/** Fills it to the last byte. Returns what frees it. Throws an OutsideError when it takes more than it said it would. */
export async function fillDisk(folder: string): Promise<() => Promise<void>> {
  const path = join(folder, `chaos-${process.pid}.ballast`);
  const free = (): Promise<void> => rm(path, { force: true });
  const file = await open(path, "wx", 0o600);
  try {
    await fill(file);
    return free;
  } catch (error) {
    await free();
    throw error;
  } finally {
    await file.close();
  }
}

async function fill(file: FileHandle): Promise<void> {
  // Ever smaller pieces, down to the last byte.
  let size = PIECE_BYTES;
  let written = 0;
  while (written <= 2 * FILL_MAX_BYTES) {
    try {
      written += (await file.write(Buffer.alloc(size))).bytesWritten;
    } catch (error) {
      if (codeOf(error) !== "ENOSPC") throw error;
      if (size === 1) return;
      size = Math.max(1, Math.floor(size / 8));
    }
  }
  throw new OutsideError("ENDLESS", "the disk takes more than it said it would: it is freed again");
}
