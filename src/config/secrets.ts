import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { Key } from "../providers/key.ts";
import { type Fault, isSecretKey, type Path } from "./fault.ts";
import { whyUnreadable } from "./files.ts";
import { name, unknownKey } from "./issues.ts";
import type { YamlFile } from "./yaml-file.ts";

const SECRET_LIMIT_BYTES = 16 * 1024;
/** Stands where a secret could not be had, so that the schema has nothing to add. Such a configuration is never used. */
const UNRESOLVED = "unresolved secret";
const SOURCES = ["env", "file", "credential"];

export interface Environment {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder that relative paths count from: where the config file stands. */
  readonly folder: string;
}

export interface Resolved {
  /** The file's value with every secret in place of where it comes from. */
  readonly value: unknown;
  readonly faults: Fault[];
  /** What works but should not stay so: secrets in clear text, files that others may read. */
  readonly warnings: Fault[];
}

/**
 * Secrets come from where secrets are kept: `password: {env: NAME}`, `{file: PATH}` or `{credential: NAME}` (systemd's
 * LoadCredential). Plain text works, and is warned of. The values themselves appear in no message. Those of providers,
 * webhooks and tools become Keys, which follow their file.
 */
export function resolveSecrets(file: YamlFile, environment: Environment): Resolved {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const note = (list: Fault[], path: Path, problem: string) =>
    list.push({ file: file.path, ...file.placeOf(path), problem: `${name(path)}: ${problem}` });

  const secret = (value: unknown, path: Path): unknown => {
    const keyed = ["providers", "webhooks", "tools"].includes(String(path[0]));
    if (typeof value === "string" && value !== "") {
      note(warnings, path, "a secret in clear text; better {env: NAME}, {file: PATH} or {credential: NAME}");
      return keyed ? new Key(value) : value;
    }
    if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
    const entries = Object.entries(value);
    const [source, from] = entries[0] ?? ["", ""];
    const strange = entries.find(([key]) => !SOURCES.includes(key));
    if (strange) {
      faults.push({
        file: file.path,
        ...file.placeOfKey([...path, strange[0]]),
        problem: unknownKey([...path, strange[0]], strange[0], SOURCES),
      });
      return UNRESOLVED;
    }
    if (entries.length !== 1 || typeof from !== "string" || from === "") {
      note(faults, path, "expected exactly one of {env: NAME}, {file: PATH}, {credential: NAME}");
      return UNRESOLVED;
    }
    const found = fetchSecret(source, from, environment);
    if (found.problem) note(faults, path, found.problem);
    if (found.warning) note(warnings, path, found.warning);
    if (found.value === undefined) return UNRESOLVED;
    return keyed ? keyOf(found.value, found.path) : found.value;
  };

  const walk = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => walk(item, [...path, index]));
    if (typeof value !== "object" || value === null) return value;
    const walked = Object.entries(value).map(([key, item]) => [
      key,
      isSecretKey(key) ? secret(item, [...path, key]) : walk(item, [...path, key]),
    ]);
    return Object.fromEntries(walked);
  };
  return { value: walk(file.value, []), faults, warnings };
}

const keyOf = (value: string, path: string | undefined): Key =>
  path === undefined ? new Key(value) : new Key(value, { path, read: () => readSecret(path).value });

interface Found {
  readonly value?: string;
  /** Where it was read, if in a file. */
  readonly path?: string;
  readonly problem?: string;
  readonly warning?: string;
}

function fetchSecret(source: string, from: string, { env, folder }: Environment): Found {
  if (source === "env") {
    const value = env[from];
    return value ? { value } : { problem: `the environment variable ${from} is not set` };
  }
  if (source === "file") return readSecret(resolve(folder, from));
  const credentials = env.CREDENTIALS_DIRECTORY;
  if (!credentials) {
    return {
      problem: `the credential ${from} is given by systemd (LoadCredential=${from}:…), and this process was not started with any`,
    };
  }
  if (from.includes("/") || from.startsWith(".")) return { problem: `"${from}" is no credential's name` };
  return readSecret(join(credentials, from));
}

function readSecret(path: string): Found {
  let descriptor: number | undefined;
  try {
    // Opening a pipe or a device could wait for ever: only a plain file is opened at all.
    if (!statSync(path).isFile()) return { problem: `${path}: this is no ordinary file` };
    descriptor = openSync(path, "r");
    const info = fstatSync(descriptor);
    if (info.size > SECRET_LIMIT_BYTES)
      return { problem: `${path}: too large for a secret (limit ${SECRET_LIMIT_BYTES} bytes)` };
    const bytes = Buffer.alloc(info.size);
    readSync(descriptor, bytes, 0, info.size, 0);
    const value = bytes.toString("utf8").replace(/\r?\n$/, "");
    if (value === "") return { problem: `${path}: the file is empty` };
    const open = (info.mode & 0o044) !== 0 ? { warning: `${path} may be read by others; chmod 0600 it` } : {};
    return { value, path, ...open };
  } catch (error) {
    return { problem: `${path}: ${whyUnreadable(error)}` };
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}
