import { messageOf } from "../base/errors.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { ConfigError, formatFault } from "../config/fault.ts";
import { disk, filesOf, isSnapshot, remembering, type Snapshot } from "../config/files.ts";
import { loadConfig } from "../config/load.ts";

/** The configuration as the files say now, and what was read. Throws a ConfigError. */
export function configFromFiles(file: string): { config: Config; snapshot: Snapshot } {
  const files = remembering(disk);
  return { config: loadConfig(file, { catalogue, env: process.env, files }), snapshot: files.snapshot };
}

/** The configuration that a snapshot makes; undefined when it makes none, for example because a secret is gone. */
export function configFromLastGood(file: string, snapshot: unknown): Config | undefined {
  if (!isSnapshot(snapshot)) return undefined;
  try {
    return loadConfig(file, { catalogue, env: process.env, files: filesOf(snapshot) });
  } catch (error) {
    if (error instanceof ConfigError) return undefined;
    throw error;
  }
}

export const faultsIn = (error: unknown): string[] =>
  error instanceof ConfigError ? error.faults.map(formatFault) : [messageOf(error)];
