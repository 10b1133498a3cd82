import { stat } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { sha256Of } from "../base/sha256.ts";
import type { ModelFiles } from "./model-files.ts";

/** What is wrong with a model on disk, for whoever has to put it there; undefined: nothing. */
export async function faultOf(folder: string, files: ModelFiles): Promise<string | undefined> {
  // All sizes first: a download that was cut is found without reading gigabytes.
  for (const [name, { bytes }] of Object.entries(files)) {
    const fault = await sizeFault(join(folder, name), bytes);
    if (fault !== undefined) return fault;
  }
  for (const [name, { sha256 }] of Object.entries(files)) {
    const path = join(folder, name);
    const found = await sha256Of(path);
    if (found !== sha256) return `${path} is not the file that is wanted: its SHA-256 is ${found}, not ${sha256}`;
  }
  return undefined;
}

async function sizeFault(path: string, bytes: number): Promise<string | undefined> {
  try {
    const info = await stat(path);
    if (!info.isFile()) return `${path} is no file`;
    return info.size === bytes ? undefined : `${path} has ${info.size} bytes, not ${bytes}`;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? `${path} is not there` : `${path} cannot be read (${codeOf(error)})`;
  }
}
