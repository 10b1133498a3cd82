import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { preparePackages } from "../../../deploy/engines/packages.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { packageFolder } from "../../base/package.ts";
import { providers } from "../../providers/index.ts";
import { prepareDemoPbx } from "../demo/pbx.ts";
import { startDemoService } from "../demo/service.ts";
import { NUMBER } from "../demo/stage.ts";
import { makePrompts } from "../prompts.ts";
import type { Cable } from "./faults.ts";
import { Relay } from "./relay.ts";
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
  const { engines, cable } = await throughCable(pbx.engines, undo);
  const start = () => startDemoService({ engines, dir, clock, settings });
  let service = await start();
  undo.defer(() => service.stop());
  await service.ready(signal);
  const account = pbx.phones.find(({ name }) => name === "caller");
  return {
    configFile: service.configFile,
    phone: { pbx: pbx.address("caller"), user: "caller", password: account?.password },
    register: true,
    target: NUMBER,
    cables: [cable],
    async restart() {
      service = await start();
    },
  };
}

const addresses = z.object({
  asterisk: z.object({
    ari: z.looseObject({ url: z.string() }),
    ami: z.looseObject({ port: z.number() }),
  }),
});

/** The same PBX, behind a cable that can be cut: its control and its sound. */
async function throughCable(
  given: unknown,
  undo: AsyncDisposableStack,
): Promise<{ engines: Record<string, unknown>; cable: Cable }> {
  const { ari, ami } = addresses.parse(given).asterisk;
  const url = new URL(ari.url);
  const [http, manager] = await Promise.all([Relay.to(Number(url.port)), Relay.to(ami.port)]);
  for (const relay of [http, manager]) undo.use(relay);
  url.port = String(http.port);
  return {
    engines: {
      asterisk: { ari: { ...ari, url: url.href.replace(/\/$/, "") }, ami: { ...ami, port: manager.port }, pulse: true },
    },
    cable: {
      name: "pbx",
      cut: async () => void [http, manager].map((relay) => relay.cut()),
      heal: async () => void [http, manager].map((relay) => relay.heal()),
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
