import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { readWav } from "../../src/audio/wav.ts";
import { silentLog } from "../../src/base/log.ts";
import { packageFolder } from "../../src/base/package.ts";
import { Phone } from "../../src/caller/phone.ts";
import { startDemoService } from "../../src/cli/demo/service.ts";
import { makePrompts } from "../../src/cli/prompts.ts";
import { providers } from "../../src/providers/index.ts";
import type { PbxStage, StageOptions } from "./stage.ts";

const MAX_CALLS = 500;

/** The real Asterisk with the shipped files, and the service with its supervisor, each a process of its own. */
export async function asteriskStage({
  clock,
  signal,
  progress,
  undo,
  settings,
  agents,
  env,
}: StageOptions): Promise<PbxStage> {
  const install = await prepareAsterisk({ progress, signal });
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
  progress(`starting Asterisk ${install.version}, and Sidetone beside it`);
  const asterisk = await startAsterisk({ install, phones: [{ name: "caller" }], sounds, signal });
  undo.defer(() => asterisk.stop());
  await mkdir(join(dir, "agents"), { recursive: true });
  for (const [name, text] of Object.entries(agents)) await writeFile(join(dir, "agents", name), text);
  const service = await startDemoService({
    asterisk,
    dir,
    clock,
    env,
    settings: {
      defaultAgent: "reception",
      limits: { calls: MAX_CALLS },
      // A worker is killed here again and again.
      supervisor: { restartMaxMs: 250 },
      ...settings,
    },
  });
  undo.defer(() => service.stop());
  await service.ready(signal);
  const [account] = asterisk.phones;
  const phone = new Phone(
    {
      pbx: { transport: "ws", url: account?.wsUrl ?? "" },
      user: "caller",
      password: account?.password,
      maxCalls: MAX_CALLS,
    },
    { clock, log: silentLog },
  );
  undo.defer(() => phone.stop());
  await phone.start({ signal });
  await phone.register({ signal });
  const [menu = new Int16Array()] = readWav(await readFile(join(sounds, "menu.wav"))).channels;
  return {
    version: install.version,
    service,
    phone,
    menu,
    pids: [asterisk.pid],
    async channels() {
      return Number(/^(\d+) active channel/m.exec(await asterisk.cli("core show channels count"))?.[1] ?? 0);
    },
  };
}
