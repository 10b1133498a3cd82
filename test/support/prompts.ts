import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";
import { messageOf } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { packageFolder } from "../../src/base/package.ts";
import { makePrompts } from "../../src/cli/prompts.ts";
import { providers } from "../../src/providers/index.ts";

const LIST = join(packageFolder, "deploy/prompts/en.yaml");
const KEPT = join(packageFolder, "node_modules/.cache/prompts");

/** The menu's prompts in English, to be read by whoever needs them: they are spoken by the first one, and only once. */
export async function promptsFolder(): Promise<string> {
  const lock = join(packageFolder, "package-lock.json");
  const key = createHash("sha256")
    .update(await readFile(LIST))
    .update(await readFile(lock))
    .digest("hex")
    .slice(0, 16);
  const folder = join(KEPT, key);
  if (existsSync(folder)) return folder;
  await mkdir(KEPT, { recursive: true });
  const out = await mkdtemp(join(KEPT, "making-"));
  const tts = providers.tts.flite.create(providers.tts.flite.schema.parse({}), { clock: systemClock, log: silentLog });
  try {
    await makePrompts({ list: LIST, out, voice: { tts, voice: "slt", language: "en" } });
    await rename(out, folder);
  } catch (error) {
    // Another one was sooner.
    if (!existsSync(folder)) throw new Error(`no prompts: ${messageOf(error)}`);
  } finally {
    await tts.close();
    await rm(out, { recursive: true, force: true });
  }
  return folder;
}
