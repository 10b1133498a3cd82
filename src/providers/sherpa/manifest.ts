import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../../base/errors.ts";
import { sha256Of } from "../../base/sha256.ts";

/** What a model's folder must hold, by the names of its files. */
export const manifestSchema = z.record(
  z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/, "the name of a file in the folder itself"),
  z.strictObject({
    bytes: z.int().min(1).describe("Its size."),
    sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 small hexadecimal digits"),
  }),
);

export type Manifest = z.output<typeof manifestSchema>;

export const MANIFEST = "model.json";
const MAX_BYTES = 256 * 1024;

/** The folder is not what it should be; the message says what to do, for the administrator. */
export class FolderError extends Error {
  override readonly name = "FolderError";
}

/** Of a folder, as `model.json` in it says. Throws a FolderError. */
export function readManifest(folder: string): Manifest {
  const path = join(folder, MANIFEST);
  const size = statSync(path, { throwIfNoEntry: false })?.size;
  if (size === undefined) throw new FolderError(`there is no ${path}: ${HOW}`);
  try {
    if (size > MAX_BYTES) throw new Error(`it has ${size} bytes`);
    const read = manifestSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    if (Object.keys(read).length === 0) throw new Error("it names no file");
    return read;
  } catch (error) {
    throw new FolderError(`${path} cannot be used (${messageOf(error).slice(0, 200)}): ${HOW}`);
  }
}

const HOW =
  'it lists the files to be loaded as {"tokens.txt": {"bytes": 5048, "sha256": "…"}, …}, with what `stat -c %s` and `sha256sum` say of the files as you trust them';

/**
 * Reads every file of the manifest whole, and compares. Returns what tells later whether one was changed: given that back as
 * `trusted`, files that have not been touched since are not read again. Throws a FolderError.
 */
export async function checkFolder(folder: string, manifest: Manifest, trusted?: string): Promise<string> {
  const stamp = stampOf(folder, manifest);
  if (stamp === trusted) return stamp;
  for (const [file, { sha256 }] of Object.entries(manifest)) {
    if ((await sha256Of(join(folder, file))) !== sha256)
      throw new FolderError(`${join(folder, file)} is not what the manifest says: ${REPLACE}`);
  }
  return stamp;
}

const REPLACE = "its sha256 differs; fetch it again";

function stampOf(folder: string, manifest: Manifest): string {
  const stamps = Object.entries(manifest).map(([file, { bytes, sha256 }]) => {
    const path = join(folder, file);
    const info = statSync(path, { throwIfNoEntry: false, bigint: true });
    if (!info?.isFile()) throw new FolderError(`${path} is missing`);
    if (info.size !== BigInt(bytes))
      throw new FolderError(`${path} has ${info.size} bytes, not ${bytes}: fetch it again`);
    return `${file} ${info.ino} ${info.mtimeNs} ${sha256}`;
  });
  return stamps.join("\n");
}

/** The one file whose name begins and ends so. Throws a FolderError where there are several, or none. */
export function fileOf(manifest: Manifest, begin: string, end: string): string {
  const found = Object.keys(manifest).filter((file) => file.startsWith(begin) && file.endsWith(end));
  const [file] = found;
  if (file !== undefined && found.length === 1) return file;
  throw new FolderError(`of ${begin}…${end} the manifest must list one, and lists ${found.length}`);
}
