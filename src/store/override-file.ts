import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { codeOf } from "../base/errors.ts";
import { noOverrides, type Overrides, parseOverrides } from "../call/override.ts";

const BYTES_MAX = 256 * 1024;

export const overrideFile = (stateDir: string): string => join(stateDir, "override.json");

/** What was opened or closed by hand. A file that is none counts as none; what the file system says is thrown. */
export function readOverrides(file: string): Overrides {
  try {
    if (statSync(file).size > BYTES_MAX) return noOverrides;
    return parseOverrides(readFileSync(file, "utf8")) ?? noOverrides;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return noOverrides;
    throw error;
  }
}

/** Whoever reads it meanwhile finds the old or the new one, whole. */
export function writeOverrides(file: string, overrides: Overrides): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
  const part = `${file}.${process.pid}.part`;
  writeFileSync(part, `${JSON.stringify(overrides)}\n`, { mode: 0o640 });
  renameSync(part, file);
}

/** Changes with every write, in whatever process. */
export function stampOf(file: string): string {
  try {
    const { mtimeMs, ino, size } = statSync(file);
    return `${mtimeMs}/${ino}/${size}`;
  } catch {
    return "";
  }
}
