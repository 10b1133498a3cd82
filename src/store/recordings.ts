import { lstatSync, unlinkSync } from "node:fs";
import { isAbsolute } from "node:path";
import { codeOf, OutsideError } from "../base/errors.ts";

/** Removes a recording. False: it was gone already. Throws what the disk throws, and for what is no recording. */
export function removeRecording(path: string): boolean {
  if (!isAbsolute(path)) throw new OutsideError("path", `${path} is no absolute path`);
  try {
    if (!lstatSync(path).isFile()) throw new OutsideError("path", `${path} is no file`);
    unlinkSync(path);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
