import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60_000;
const MOUNT = 'mount -t tmpfs -o size="$2" sidetone "$1" && disk="$1" && shift 2 && exec "$@" "$disk"';

/**
 * Runs a program of `fixtures` with a disk of its own, as small as told, whose folder is its last argument; returns what it
 * printed, as JSON. Only the program sees the disk, which is gone with it: nobody else's files are touched. As root, or where
 * the kernel gives a user namespaces.
 */
export async function onSmallDisk<T>(fixture: string, size: string): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "sidetone-disk-"));
  try {
    const own = process.getuid?.() === 0 ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
    const program = [process.execPath, "--disable-warning=ExperimentalWarning"];
    const script = join(import.meta.dirname, "fixtures", fixture);
    const child = spawn("unshare", [...own, "sh", "-c", MOUNT, "sh", dir, size, ...program, script], {
      stdio: ["ignore", "pipe", "inherit"],
      ...{ timeout: PATIENCE_MS, killSignal: "SIGKILL" },
    });
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    const [code] = await once(child, "close");
    if (code !== 0) throw new Error(`${fixture} ended with ${code}: ${out}`);
    return JSON.parse(out) as T;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
