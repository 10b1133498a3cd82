import { stat } from "node:fs/promises";
import { codeOf } from "../../base/errors.ts";
import { sha256Of } from "../../base/sha256.ts";
import type { ModelFile } from "./catalogue.ts";

export type FileState =
  | { readonly state: "missing" }
  | { readonly state: "sound"; readonly sizeBytes: number; readonly sha256: string }
  /** Nobody has said what it should be: what it is, for people to compare. */
  | { readonly state: "unknown"; readonly sizeBytes: number; readonly sha256: string }
  | { readonly state: "wrong"; readonly problem: string };

/** Whether a file is the one that was meant. Rejects when it cannot be read. */
export async function verifyFile(path: string, { sizeBytes, sha256 }: ModelFile): Promise<FileState> {
  const info = await stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  });
  if (!info) return { state: "missing" };
  if (!info.isFile()) return { state: "wrong", problem: "is no file" };
  // A part of a file is told without reading it.
  if (sizeBytes !== undefined && info.size !== sizeBytes)
    return { state: "wrong", problem: `has ${info.size} bytes, not ${sizeBytes}` };
  const found = await sha256Of(path);
  if (sha256 === undefined) return { state: "unknown", sizeBytes: info.size, sha256: found };
  if (found !== sha256) return { state: "wrong", problem: `has the sha256 ${found}, not ${sha256}` };
  return { state: "sound", sizeBytes: info.size, sha256: found };
}
