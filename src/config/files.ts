import { closeSync, fstatSync, openSync, readdirSync, readSync } from "node:fs";

/** Half a megabyte is some hundred pages: nobody writes that by hand, and a parser should not be asked to read more. */
export const FILE_LIMIT_BYTES = 512 * 1024;

/** Where configuration files are read from. */
export interface Files {
  /** The text, or why there is none. */
  read(path: string): string | { readonly problem: string };
  /** The names in a folder. Throws what the file system throws. */
  list(folder: string): string[];
}

/** What a reading has read: enough to read the same again when the files have changed. */
export interface Snapshot {
  readonly texts: Readonly<Record<string, string>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
}

export const disk: Files = { read: readText, list: (folder) => readdirSync(folder) };

/** Reads from `files`, and remembers what there was. */
export function remembering(files: Files): Files & { readonly snapshot: Snapshot } {
  const texts: Record<string, string> = {};
  const lists: Record<string, readonly string[]> = {};
  return {
    snapshot: { texts, lists },
    read(path) {
      const text = files.read(path);
      if (typeof text === "string") texts[path] = text;
      return text;
    },
    list(folder) {
      const names = files.list(folder);
      lists[folder] = names;
      return names;
    },
  };
}

/** The files as they were. */
export const filesOf = ({ texts, lists }: Snapshot): Files => ({
  read: (path) => texts[path] ?? { problem: "there was no such file" },
  list: (folder) => [...(lists[folder] ?? [])],
});

export function isSnapshot(value: unknown): value is Snapshot {
  if (typeof value !== "object" || value === null || !("texts" in value) || !("lists" in value)) return false;
  const { texts, lists } = value;
  if (typeof texts !== "object" || texts === null || typeof lists !== "object" || lists === null) return false;
  return Object.values(texts).every((text) => typeof text === "string") && Object.values(lists).every(Array.isArray);
}

function readText(path: string): string | { problem: string } {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    const info = fstatSync(descriptor);
    if (info.isDirectory()) return { problem: "this is a folder, a file was expected" };
    if (!info.isFile()) return { problem: "this is no ordinary file" };
    if (info.size > FILE_LIMIT_BYTES) {
      const found = `${(info.size / 1024 / 1024).toFixed(1)} MB`;
      return { problem: `the file has ${found}; the limit is ${FILE_LIMIT_BYTES / 1024} KB` };
    }
    const bytes = Buffer.alloc(info.size);
    const length = readSync(descriptor, bytes, 0, info.size, 0);
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes.subarray(0, length));
  } catch (error) {
    return { problem: whyUnreadable(error) };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** In an administrator's words why a file could not be read. */
export function whyUnreadable(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ENOENT" || code === "ENOTDIR") return "there is no such file";
  if (code === "EACCES" || code === "EPERM") {
    return `permission denied: the user with id ${process.getuid?.() ?? "?"} may not read it`;
  }
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return "this is not UTF-8 text";
  return `cannot be read: ${code || String(error)}`;
}
