import { OutsideError } from "../../src/base/errors.ts";
import { findProgram, runCommand } from "./command.ts";

export interface PreparationOptions {
  /** One line for whoever waits: what is being done now. */
  readonly progress?: (line: string) => void;
  readonly signal?: AbortSignal;
}

const APT_ENVIRONMENT = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
// Another apt may be at work (unattended upgrades): wait for it rather than fail.
const APT = ["-q", "-y", "-o", "DPkg::Lock::Timeout=300"];

/**
 * Sees to it that these Debian packages are installed, with apt where they are not. Rejects with code "NOT_PREPARED"
 * and one sentence on what to install where that cannot be done here.
 */
export async function preparePackages(names: readonly string[], options: PreparationOptions = {}): Promise<void> {
  const missing = await missingPackages(names, options.signal);
  if (missing.length === 0) return;
  const list = missing.join(" ");
  const todo = `Please install ${missing.join(", ")} (on Debian: apt-get install ${list})`;
  if ((await findProgram("apt-get")) === undefined) {
    throw new OutsideError("NOT_PREPARED", `${todo}; this machine has no apt to do it with.`);
  }
  if (process.getuid?.() !== 0) throw new OutsideError("NOT_PREPARED", `${todo}; it takes root to do it.`);
  options.progress?.(`installing ${list} with apt`);
  await apt(["update"], options.signal).catch((error: unknown) => {
    // A broken third-party list must not stop what the working ones can bring.
    if (options.signal?.aborted) throw error;
    options.progress?.("apt-get update had errors, going on with the lists there are");
  });
  try {
    await apt(["install", "--no-install-recommends", ...missing], options.signal);
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new OutsideError("NOT_PREPARED", `${todo}; trying that here failed.`, { cause: error });
  }
}

const apt = (args: readonly string[], signal: AbortSignal | undefined): Promise<string> =>
  runCommand("apt-get", [...APT, ...args], { env: APT_ENVIRONMENT, ...(signal && { signal }) });

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is dpkg-query's own format.
const STATUS = "${db:Status-Status}";

async function missingPackages(names: readonly string[], signal: AbortSignal | undefined): Promise<string[]> {
  if ((await findProgram("dpkg-query")) === undefined) return [...names];
  const missing: string[] = [];
  for (const name of names) {
    // An unknown package makes dpkg-query fail; that is an answer too.
    const status = await runCommand("dpkg-query", ["-W", "-f", STATUS, name], {
      ...(signal && { signal }),
    }).catch(() => "");
    signal?.throwIfAborted();
    if (!status.startsWith("installed")) missing.push(name);
  }
  return missing;
}
