import { mkdir, readdir, rename, rm, symlink } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { OutsideError } from "../../src/base/errors.ts";
import { type AsteriskInstall, asteriskInRoot } from "./asterisk-install.ts";
import { findProgram, runCommand } from "./command.ts";
import { lockFile } from "./lock.ts";
import { type PreparationOptions, preparePackages } from "./packages.ts";

// The first Debian suite that has an Asterisk of a sufficient version.
const SUITE = "forky";
const PACKAGES = "asterisk,asterisk-core-sounds-en-gsm";
// None of these is needed to run it; leaving them out saves a third of the space.
const LEFT_OUT = ["/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*", "/usr/share/info/*"];

const TODO =
  "Please install Asterisk 20.18, 22.8, 23.2 or newer with chan_websocket (on Debian forky: apt-get install asterisk)";

/** The user's cache folder of Sidetone. */
export const cacheFolder = (): string => join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "sidetone");

/**
 * The Asterisk of a Debian root folder in `cacheDir`, which is made first if it is not there (about 40 s, 280 MB,
 * needs root and apt). Two processes at once wait for each other; a half-made folder is never taken for a whole one.
 */
export async function prepareAsteriskRoot(cacheDir: string, options: PreparationOptions): Promise<AsteriskInstall> {
  const root = join(cacheDir, `asterisk-${SUITE}`);
  const ready = await asteriskInRoot(root);
  if (ready !== undefined) return ready;
  await requireApt();
  await mkdir(cacheDir, { recursive: true });
  const unlock = await lockFile(`${root}.lock`, {
    ...options,
    waiting: "another process is preparing Asterisk, waiting for it",
  });
  try {
    const madeMeanwhile = await asteriskInRoot(root);
    if (madeMeanwhile !== undefined) return madeMeanwhile;
    await makeRoot(root, options);
    const made = await asteriskInRoot(root);
    if (made === undefined)
      throw new OutsideError("NOT_PREPARED", `${TODO}; the one from Debian ${SUITE} does not run here.`);
    options.progress?.(`Asterisk ${made.version} is ready in ${root}`);
    return made;
  } finally {
    await unlock();
  }
}

async function requireApt(): Promise<void> {
  if ((await findProgram("apt-get")) === undefined) {
    throw new OutsideError("NOT_PREPARED", `${TODO}; this machine has none, and no apt to fetch one with.`);
  }
  if (process.getuid?.() !== 0) {
    throw new OutsideError(
      "NOT_PREPARED",
      `${TODO}, or run this once as root, which fetches one into the cache folder.`,
    );
  }
}

async function makeRoot(root: string, options: PreparationOptions): Promise<void> {
  await removeUnfinished(root);
  await preparePackages(["mmdebstrap"], options);
  const unfinished = `${root}.making-${process.pid}`;
  const started = "fetching Asterisk from Debian into the cache folder (once; about 45 s and 280 MB)";
  options.progress?.(started);
  try {
    await runCommand("mmdebstrap", debootstrapArguments(unfinished), {
      ...(options.signal && { signal: options.signal }),
      onLine: (line) => {
        const step = STEPS.find(([pattern]) => pattern.test(line));
        if (step !== undefined) options.progress?.(step[1]);
      },
    });
    await linkSounds(unfinished);
    await rename(unfinished, root);
  } catch (error) {
    await rm(unfinished, { recursive: true, force: true });
    if (options.signal?.aborted) throw error;
    throw new OutsideError("NOT_PREPARED", `${TODO}; fetching it from Debian ${SUITE} failed.`, { cause: error });
  }
}

/** What mmdebstrap prints, and what it means to somebody who waits. */
const STEPS: readonly (readonly [RegExp, string])[] = [
  [/^I: running apt-get update/, "reading Debian's package lists"],
  [/^I: downloading packages/, "downloading the base system"],
  [/^I: installing essential/, "installing the base system"],
  [/^I: installing remaining/, "downloading and installing Asterisk"],
];

const debootstrapArguments = (folder: string): string[] => [
  "--variant=minbase",
  "--mode=root",
  '--aptopt=Apt::Install-Recommends "false"',
  '--aptopt=Acquire::Check-Valid-Until "false"',
  ...LEFT_OUT.map((path) => `--dpkgopt=path-exclude=${path}`),
  `--include=${PACKAGES}`,
  SUITE,
  folder,
];

/** Debian's links to the sounds are absolute and point out of the folder; relative ones work from wherever it is. */
async function linkSounds(root: string): Promise<void> {
  const sounds = join(root, "usr/share/asterisk/sounds");
  const spoken = (await readdir(sounds)).find((name) => name.startsWith("en_US_"));
  if (spoken === undefined) return;
  await rm(join(sounds, "en"), { force: true });
  await symlink(spoken, join(sounds, "en"));
}

/** What a killed process left half made. Called under the lock, so nobody is at work on it. */
async function removeUnfinished(root: string): Promise<void> {
  const folder = join(root, "..");
  const prefix = `asterisk-${SUITE}.making-`;
  for (const name of await readdir(folder)) {
    if (name.startsWith(prefix)) await rm(join(folder, name), { recursive: true, force: true });
  }
}
