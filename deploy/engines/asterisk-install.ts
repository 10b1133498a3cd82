import { access, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { findProgram, runCommand } from "./command.ts";

/** An Asterisk that can be started: the machine's own, or one in a folder of the user's cache. */
export interface AsteriskInstall {
  /** As Asterisk prints it, e.g. "22.10.1+dfsg". */
  readonly version: string;
  /** The program and what always stands before its arguments. */
  readonly command: readonly string[];
  readonly modulesDir: string;
  /** Asterisk's astdatadir: below it `sounds`. */
  readonly dataDir: string;
  /** What carries a lent call's audio: chan_websocket, or AudioSocket on versions before its JSON control. */
  readonly media: "websocket" | "audiosocket";
}

// The first versions whose chan_websocket takes its commands as JSON.
const JSON_CONTROL: Record<number, number> = { 20: 18, 22: 8, 23: 2 };

/** Whether this version's chan_websocket takes JSON commands; what cannot be read is taken for too old. */
export function hasJsonControl(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return false;
  const first = JSON_CONTROL[major];
  return first === undefined ? major > 23 : minor >= first;
}

/** The Asterisk of this machine, if it has one with SIP and a way to lend calls. */
export async function findAsterisk(): Promise<AsteriskInstall | undefined> {
  const program = await findProgram("asterisk");
  if (program === undefined) return undefined;
  const config = await readFile("/etc/asterisk/asterisk.conf", "utf8").catch(() => "");
  const directory = (name: string): string | undefined =>
    new RegExp(`^\\s*${name}\\s*=>?\\s*([^;\\s]+)`, "m").exec(config)?.[1];
  const folders = [directory("astmoddir"), ...moduleFolders("/")].filter((folder) => folder !== undefined);
  const modulesDir = await firstWith(folders, "chan_pjsip.so");
  const dataDir = await firstWith(
    [directory("astdatadir") ?? "", "/usr/share/asterisk", "/var/lib/asterisk"],
    "sounds",
  );
  if (modulesDir === undefined || dataDir === undefined) return undefined;
  return describeInstall({ command: [program], modulesDir, dataDir });
}

/** The Asterisk in a root folder made by mmdebstrap, started through that root's own loader, without chroot or root. */
export async function asteriskInRoot(root: string): Promise<AsteriskInstall | undefined> {
  const modulesDir = await firstWith(moduleFolders(root), "chan_pjsip.so");
  if (modulesDir === undefined) return undefined;
  const libraries = join(modulesDir, "../..");
  const loader = (await readdir(libraries)).find((name) => /^ld-linux.*\.so/.test(name));
  if (loader === undefined) return undefined;
  const command = [join(libraries, loader), "--library-path", libraries, join(root, "usr/sbin/asterisk")];
  return describeInstall({ command, modulesDir, dataDir: join(root, "usr/share/asterisk") });
}

const TRIPLES: Record<string, string> = { x64: "x86_64-linux-gnu", arm64: "aarch64-linux-gnu" };

const moduleFolders = (root: string): string[] => [
  join(root, "usr/lib", TRIPLES[process.arch] ?? "", "asterisk/modules"),
  join(root, "usr/lib/asterisk/modules"),
  join(root, "usr/lib64/asterisk/modules"),
];

async function describeInstall(
  found: Pick<AsteriskInstall, "command" | "modulesDir" | "dataDir">,
): Promise<AsteriskInstall | undefined> {
  const [program = "", ...before] = found.command;
  const version = /^Asterisk (\S+)/m.exec(await runCommand(program, [...before, "-V"]))?.[1];
  if (version === undefined) return undefined;
  const websocket = hasJsonControl(version) && (await exists(join(found.modulesDir, "chan_websocket.so")));
  if (!websocket && !(await exists(join(found.modulesDir, "chan_audiosocket.so")))) return undefined;
  return { ...found, version, media: websocket ? "websocket" : "audiosocket" };
}

async function firstWith(folders: readonly string[], entry: string): Promise<string | undefined> {
  for (const folder of folders) if (folder !== "" && (await exists(join(folder, entry)))) return folder;
  return undefined;
}

const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
