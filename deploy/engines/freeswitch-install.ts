import { access } from "node:fs/promises";
import { join } from "node:path";
import { OutsideError } from "../../src/base/errors.ts";
import { findProgram, runCommand } from "./command.ts";

/** A FreeSWITCH that can be started. */
export interface FreeswitchInstall {
  /** As FreeSWITCH prints it, e.g. "1.10.12". */
  readonly version: string;
  readonly program: string;
  readonly modulesDir: string;
  /** Whether it can load mod_audio_stream. */
  readonly audioStream: boolean;
}

// Without these no call is lent, and no menu speaks.
const NEEDED = [
  "commands",
  "dialplan_xml",
  "dptools",
  "event_socket",
  "native_file",
  "sndfile",
  "sofia",
  "tone_stream",
];

/** Where a FreeSWITCH may be told of: a folder that it was installed into. */
export const PREFIX_VARIABLE = "SIDETONE_FREESWITCH";

const TODO = `Please install FreeSWITCH 1.10 or newer, or say where one is (${PREFIX_VARIABLE}=/its/prefix)`;

/**
 * The FreeSWITCH below `prefix`, or else the machine's own. Rejects with code "NOT_PREPARED" and one sentence on what is
 * missing.
 */
export async function findFreeswitch(prefix = process.env[PREFIX_VARIABLE] || undefined): Promise<FreeswitchInstall> {
  const program = await programIn(prefix);
  if (program === undefined) {
    const where = prefix === undefined ? "this machine has none" : `there is none below ${prefix}`;
    throw new OutsideError("NOT_PREPARED", `${TODO}: ${where}.`);
  }
  const modulesDir = await firstWith(moduleFolders(prefix), "mod_event_socket.so");
  if (modulesDir === undefined) throw new OutsideError("NOT_PREPARED", `${TODO}: ${program} has no mod_event_socket.`);
  const missing = await filter(NEEDED, async (name) => !(await exists(join(modulesDir, `mod_${name}.so`))));
  if (missing.length > 0) {
    const names = missing.map((name) => `mod_${name}`).join(", ");
    throw new OutsideError("NOT_PREPARED", `${TODO}: the one of ${modulesDir} has no ${names}.`);
  }
  const version = /version:? (\S+)/i.exec(await runCommand(program, ["-version"]))?.[1] ?? "unknown";
  return { version, program, modulesDir, audioStream: await exists(join(modulesDir, "mod_audio_stream.so")) };
}

async function programIn(prefix: string | undefined): Promise<string | undefined> {
  if (prefix === undefined) return findProgram("freeswitch");
  const program = join(prefix, "bin/freeswitch");
  return (await exists(program)) ? program : undefined;
}

const TRIPLES: Record<string, string> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

const moduleFolders = (prefix: string | undefined): string[] =>
  (prefix === undefined ? ["/usr", "/usr/local/freeswitch", "/opt/freeswitch"] : [prefix]).flatMap((root) => [
    join(root, "mod"),
    join(root, "lib/freeswitch/mod"),
    join(root, "lib", TRIPLES[process.arch] ?? "", "freeswitch/mod"),
    join(root, "lib64/freeswitch/mod"),
  ]);

async function firstWith(folders: readonly string[], entry: string): Promise<string | undefined> {
  for (const folder of folders) if (await exists(join(folder, entry))) return folder;
  return undefined;
}

async function filter(names: readonly string[], test: (name: string) => Promise<boolean>): Promise<string[]> {
  const found: string[] = [];
  for (const name of names) if (await test(name)) found.push(name);
  return found;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
