import { createHash } from "node:crypto";
import { existsSync, readdirSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/** The program that a worker would be if it were started now. */
export interface Program {
  /** The Node to run it with, or what finds one. */
  readonly command: string;
  /** The file that is run. */
  readonly main: string;
  /** Two programs of one build are the same. */
  readonly build: string;
}

export interface ProgramSearch {
  /** The file that this process was started from. */
  readonly main: string;
  readonly execPath: string;
  /** The launcher as it was called, which may be a link, or below one; see bin/sidetone. */
  readonly launcher: string | undefined;
}

/**
 * Looks where the program lies now. Where it was started by the launcher, the path is followed anew each time: an upgrade that lets
 * a link point to another folder is one as well, and the old folder may be gone by then.
 */
export function findProgram({ main: own, execPath, launcher }: ProgramSearch): () => Program {
  // One that leads elsewhere already is another Sidetone's, handed down in the environment.
  const ours = launcher !== undefined && realOf(mainBeside(launcher)) === realOf(own);
  return () => {
    const main = (ours && mainBeside(launcher)) || own;
    const folder = folderOf(main);
    // Another folder may have brought along another Node, and what it needs is its own business.
    const command = folder === folderOf(own) ? execPath : join(folder, "bin", "node");
    return { command, main, build: buildOf(folder, [main, command]) };
  };
}

/** The file that a launcher runs, by the launcher's own rule. Undefined: there is none. */
function mainBeside(launcher: string): string | undefined {
  const real = realOf(launcher);
  if (real === undefined) return undefined;
  const folder = dirname(dirname(real));
  return ["src/main.ts", "dist/src/main.js"].map((file) => join(folder, file)).find((file) => existsSync(file));
}

/** The package's folder, from the sources as from dist/. */
function folderOf(main: string): string {
  const above = dirname(dirname(main));
  return existsSync(join(above, "package.json")) ? above : dirname(above);
}

/**
 * Files are replaced by others, not written over, so their folders tell it: by their number and time. Times alone would not do:
 * some archives give every file of every version the same.
 */
function buildOf(folder: string, files: readonly string[]): string {
  const code = existsSync(join(folder, "dist")) && !existsSync(join(folder, "src")) ? "dist" : "src";
  const places = ["package.json", "package-lock.json", code].map((name) => join(folder, name));
  const stamps = [...places, ...foldersBelow(join(folder, code)), ...files].map((path) => {
    const { dev = 0, ino = 0, mtimeMs = 0, size = 0 } = statSync(path, { throwIfNoEntry: false }) ?? {};
    return [path, dev, ino, mtimeMs, size].join(" ");
  });
  return createHash("sha256").update(stamps.join("\n")).digest("hex").slice(0, 16);
}

function foldersBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name))
      .sort();
  } catch {
    // Between two renames there is none; what is started meanwhile ends, and is started again.
    return [];
  }
}

function realOf(path: string | undefined): string | undefined {
  try {
    return path === undefined ? undefined : realpathSync(path);
  } catch {
    return undefined;
  }
}
