import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePackages } from "../../../deploy/engines/packages.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { packageFolder } from "../../base/package.ts";
import { providers } from "../../providers/index.ts";
import { prepareDemoPbx } from "../demo/pbx.ts";
import { startDemoService } from "../demo/service.ts";
import { NUMBER } from "../demo/stage.ts";
import { makePrompts } from "../prompts.ts";
import type { Where } from "./where.ts";

const WORKERS = 2;

export interface StageOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly progress: (text: string) => void;
  readonly signal: AbortSignal;
  /** What must be undone, in reverse, whatever happens. */
  readonly undo: AsyncDisposableStack;
}

/** The demo's own Asterisk, and beside it a service of two workers with the example agent. */
export async function setChaosStage({ clock, log, progress, signal, undo }: StageOptions): Promise<Where> {
  const dir = await mkdtemp(join(tmpdir(), "sidetone-chaos-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const sounds = join(dir, "prompts");
  const wanted = { engine: "asterisk", prefix: undefined, phones: ["caller"], sounds, progress, signal } as const;
  const startPbx = await prepareDemoPbx(wanted);
  await preparePackages(["pocketsphinx", "pocketsphinx-en-us"], { progress, signal });
  await makeMenu({ sounds, clock, log });
  const pbx = await startPbx();
  undo.defer(() => pbx.stop());
  progress(`starting Sidetone with ${WORKERS} workers`);
  // A worker that is killed again and again shall not be waited for longer each time.
  const settings = { workers: WORKERS, sounds, supervisor: { restartMaxMs: 250 } };
  const start = () => startDemoService({ engines: pbx.engines, dir, clock, settings });
  let service = await start();
  undo.defer(() => service.stop());
  await service.ready(signal);
  const account = pbx.phones.find(({ name }) => name === "caller");
  return {
    configFile: service.configFile,
    phone: { pbx: pbx.address("caller"), user: "caller", password: account?.password },
    register: true,
    target: NUMBER,
    async restart() {
      service = await start();
    },
  };
}

async function makeMenu({ sounds, clock, log }: { sounds: string; clock: Clock; log: Log }): Promise<void> {
  const { flite } = providers.tts;
  const tts = flite.create(flite.schema.parse({}), { clock, log });
  try {
    const list = join(packageFolder, "deploy/prompts/en.yaml");
    await makePrompts({ list, out: sounds, voice: { tts, voice: "slt", language: "en" } });
  } finally {
    await tts.close();
  }
}
