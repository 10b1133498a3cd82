import { existsSync } from "node:fs";
import { stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { type Finding, finding } from "./finding.ts";

const ENDINGS = ["wav", "sln16", "wav16", "gsm", "ulaw", "alaw", "sln"];
const GROUP_WRITES = 0o020;
const OTHERS_READ = 0o004;
const LITTLE_BYTES = 1024 ** 3;

/** Where recordings go, whether the PBX can write there, and whether callers can be told. Looks only. */
export async function checkRecording({ recording, sounds }: Config): Promise<Finding[]> {
  const { mode, consent, dir } = recording;
  if (mode === "none") return [finding("ok", "recording", "No call is recorded.")];
  const what = mode === "agent" ? "The agent's part of each call is" : "Each call is";
  return [
    finding("ok", "recording", `${what} recorded into ${dir}; consent: ${consent}.`),
    ...(await checkFolder(dir)),
    ...checkPrompt(consent, sounds),
  ];
}

async function checkFolder(dir: string): Promise<Finding[]> {
  const spool = join(dir, "incoming");
  const todo = `install -d -o sidetone -g sidetone -m 2750 ${dir} && install -d -o sidetone -g sidetone -m 2770 ${spool}, and the PBX's user into the group: usermod -aG sidetone asterisk`;
  try {
    const { mode } = await stat(spool);
    if ((mode & GROUP_WRITES) === 0)
      return [finding("warn", "recording", `The PBX writes into ${spool}, and its group may not.`, todo)];
    if ((mode & OTHERS_READ) !== 0)
      return [finding("warn", "recording", `Everybody on this host may read in ${spool}.`, `chmod o= ${spool}`)];
    const { bavail, bsize } = await statfs(spool);
    if (bavail * bsize < LITTLE_BYTES)
      return [finding("warn", "recording", `Less than 1 GB is free in ${dir}.`, "Make room, or record elsewhere.")];
    return [finding("ok", "recording", `The PBX writes into ${spool}.`)];
  } catch (error) {
    if (codeOf(error) === "ENOENT")
      return [
        finding(
          "warn",
          "recording",
          `${spool} will be made at the first start; see to it that the PBX may write there.`,
          todo,
        ),
      ];
    return [finding("fail", "recording", `${spool} cannot be looked at (${codeOf(error)}).`, todo)];
  }
}

function checkPrompt(consent: Config["recording"]["consent"], sounds: string): Finding[] {
  if (consent === "none") return [];
  const file = consent === "ask" ? "recording-ask" : "recording-announce";
  if (ENDINGS.some((ending) => existsSync(join(sounds, `${file}.${ending}`)))) return [];
  const what = `The prompt ${file} is missing in ${sounds}: callers cannot be told, and no call is recorded.`;
  return [finding("fail", "recording", what, `Make it: sidetone say --prompts deploy/prompts/en.yaml --out ${sounds}`)];
}
