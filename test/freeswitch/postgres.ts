import { execFile } from "node:child_process";
import { chown, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const INSTALLED = "/usr/lib/postgresql";

/** A PostgreSQL of its own in the temporary folder, behind a socket there, with one empty database. */
export interface Postgres extends AsyncDisposable {
  /** Runs statements, or a file of them as an administrator would; resolves with what was selected, unadorned. */
  sql(text: string): Promise<string>;
  file(path: string, folder: string): Promise<void>;
}

/** The folder of the newest PostgreSQL's programs; undefined where there is none. */
export async function findPostgres(): Promise<string | undefined> {
  const [newest] = (await readdir(INSTALLED).catch(() => [])).sort((a, b) => Number(b) - Number(a));
  return newest === undefined ? undefined : join(INSTALLED, newest, "bin");
}

export async function startPostgres(programs: string): Promise<Postgres> {
  const dir = await mkdtemp(join(tmpdir(), "sidetone-db-"));
  const data = join(dir, "data");
  // It refuses to run as root.
  const root = process.getuid?.() === 0;
  const owner = root ? Number((await run("id", ["-u", "postgres"])).stdout) : undefined;
  if (owner !== undefined) await chown(dir, owner, -1);
  const as = { cwd: dir, ...(owner === undefined ? {} : { uid: owner }) };
  const program = (name: string, ...args: string[]) => run(join(programs, name), args, as);
  await program("initdb", "-D", data, "-A", "trust", "-U", "fusionpbx", "--no-sync");
  const settings = `-c listen_addresses= -c unix_socket_directories=${dir} -c fsync=off`;
  await program("pg_ctl", "-D", data, "-w", "-o", settings, "-l", join(dir, "log"), "start");
  const psql = (args: readonly string[], folder: string) =>
    run("psql", ["-h", dir, "-U", "fusionpbx", "-d", "postgres", "-v", "ON_ERROR_STOP=1", ...args], { cwd: folder });
  return {
    sql: async (text) => (await psql(["-qAtc", text], dir)).stdout.trimEnd(),
    file: async (path, folder) => void (await psql(["-q", "-f", path], folder)),
    async [Symbol.asyncDispose]() {
      await program("pg_ctl", "-D", data, "-m", "immediate", "stop");
      await rm(dir, { recursive: true, force: true });
    },
  };
}
