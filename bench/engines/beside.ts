import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { readWav } from "../../src/audio/wav.ts";
import { silentLog } from "../../src/base/log.ts";
import { packageFolder } from "../../src/base/package.ts";
import { Phone, type PhoneOptions } from "../../src/caller/phone.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import { makePrompts } from "../../src/cli/prompts.ts";
import { providers } from "../../src/providers/index.ts";
import type { PbxStage, StageOptions } from "./stage.ts";

/** The one phone that every call comes from. */
export const CALLER = "caller";
const MAX_CALLS = 500;

/** A PBX that has been found and not yet started. */
export interface FoundPbx {
  /** With its version, for whoever watches. */
  readonly name: string;
  /** Starts it with these prompts and the phone "caller". */
  start(sounds: string): Promise<BenchPbx>;
}

export interface BenchPbx {
  readonly version: string;
  readonly pids: readonly number[];
  /** As sidetone.yaml names it below `engines`. */
  readonly engines: Readonly<Record<string, unknown>>;
  /** How the phone reaches it. */
  readonly address: PhoneOptions["pbx"];
  readonly password: string;
  channels(): Promise<number>;
  stop(): Promise<void>;
}

/** The menu's prompts, the PBX, the service with its supervisor, each a process of its own, and a registered phone. */
export async function besideStage(
  pbx: FoundPbx,
  { clock, signal, progress, undo, settings, agents, env }: StageOptions,
): Promise<PbxStage> {
  await preparePackages(["pocketsphinx", "pocketsphinx-en-us"], { progress, signal });
  const dir = await mkdtemp(join(tmpdir(), "sidetone-bench-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  progress("making the menu's prompts");
  const sounds = join(dir, "prompts");
  const tts = providers.tts.flite.create(providers.tts.flite.schema.parse({}), { clock, log: silentLog });
  await makePrompts({
    list: join(packageFolder, "deploy/prompts/en.yaml"),
    out: sounds,
    voice: { tts, voice: "slt", language: "en" },
  }).finally(() => tts.close());
  progress(`starting ${pbx.name}, and Sidetone beside it`);
  const { version, pids, engines, address, password, channels, stop } = await pbx.start(sounds);
  undo.defer(stop);
  await mkdir(join(dir, "agents"), { recursive: true });
  for (const [name, text] of Object.entries(agents)) await writeFile(join(dir, "agents", name), text);
  const service = await startDemoService({
    engines,
    dir,
    clock,
    env,
    settings: {
      defaultAgent: "reception",
      limits: { calls: MAX_CALLS, callerPerMinute: 0 },
      ...settings,
    },
  });
  undo.defer(() => service.stop());
  await service.ready(signal);
  const phone = new Phone({ pbx: address, user: CALLER, password, maxCalls: MAX_CALLS }, { clock, log: silentLog });
  undo.defer(() => phone.stop());
  await phone.start({ signal });
  await phone.register({ signal });
  const [menu = new Int16Array()] = readWav(await readFile(join(sounds, "menu.wav"))).channels;
  return { version, service, phone, menu, pids, channels };
}
