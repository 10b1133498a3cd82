import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AsteriskInstall } from "../../deploy/engines/asterisk.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import { Phone } from "../../src/caller/phone.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { openFreeswitch } from "../freeswitch/open.ts";
import { saidBy } from "../support/greeting.ts";
import { promptsFolder } from "../support/prompts.ts";
import type { Stage } from "../support/stage.ts";
import { startWholeService } from "../support/whole-service.ts";
import { cheapAgent } from "./agent.ts";

const NUMBER = "4100";
const EXCUSE = "Sorry, the line was interrupted.";
const WORKER_MS = 30_000;
const RECORDS_MAX = 100_000;

const settingsOf = (workers: number) => ({
  workers,
  // Callers who listen are not to be asked whether they are still there, and one phone makes all calls.
  limits: { calls: 100, callerPerMinute: 0, silenceSeconds: 120 },
  // Only who is killed shall die: on two cores a worker may wait long while others start.
  supervisor: { restartMaxMs: 100, killAfterMs: 5000 },
});

/** One service with so many workers beside a real Asterisk. */
export async function asteriskStage(install: AsteriskInstall, workers: number): Promise<Stage> {
  await using undo = new AsyncDisposableStack();
  const { settings } = undo.use(await cheapAgent());
  const [whole, excuse] = await Promise.all([
    startWholeService(install, { settings: { ...settingsOf(workers), ...settings } }),
    saidBy(EXCUSE),
  ]);
  undo.use(whole);
  const { service, phone, menu, asterisk } = whole;
  const channels = async (): Promise<readonly string[]> =>
    (await asterisk.cli("core show channels concise")).split("\n").filter((line) => line.includes("!"));
  const isPresence = (line: string): boolean => line.includes("!sidetone-presence!");
  const owned = undo.move();
  return {
    menu,
    excuse,
    ...storesOf(service),
    call: (displayName, signal) => phone.call(NUMBER, { codec: "ulaw", displayName, signal }),
    async workers() {
      await service.ready(AbortSignal.timeout(WORKER_MS));
      const taking = await takingOf(service);
      // One alone says nothing of itself in the dialplan: there is nobody else to offer a call to.
      if (workers === 1) return taking;
      const present = (await channels()).filter(isPresence).length;
      return present === taking.length ? taking : [];
    },
    channels: async () => (await channels()).filter((line) => !isPresence(line)).length,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** The same beside the FreeSWITCH that is there. */
export async function freeswitchStage(workers: number): Promise<Stage> {
  await using undo = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sidetone-soak-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const sounds = await promptsFolder();
  const pbx = await openFreeswitch({ sounds, globals: {} });
  undo.defer(() => pbx.stop());
  const engines = { freeswitch: { esl: pbx.esl, lend: { port: pbx.ports.lend[0] } } };
  const { settings } = undo.use(await cheapAgent());
  const service = await startDemoService({
    ...{ engines, dir, clock: systemClock },
    settings: { ...settingsOf(workers), ...settings },
  });
  undo.defer(() => service.stop());
  await service.ready(AbortSignal.timeout(60_000));
  const address = { transport: "udp", host: pbx.trunkHost, port: pbx.ports.trunk } as const;
  const phone = new Phone({ pbx: address, user: "caller" }, { clock: systemClock, log: silentLog });
  undo.defer(() => phone.stop());
  await phone.start();
  const [menu = new Int16Array()] = readWav(await readFile(join(sounds, "menu.wav"))).channels;
  const excuse = await saidBy(EXCUSE);
  const owned = undo.move();
  return {
    menu,
    excuse,
    ...storesOf(service),
    call: (displayName, signal) => phone.call(NUMBER, { codec: "ulaw", displayName, signal }),
    workers: () => takingOf(service),
    // One that runs has calls of its own.
    channels: async () =>
      pbx.attached ? 0 : Number(/^(\d+) total/m.exec(await pbx.cli("show channels count"))?.[1] ?? Number.NaN),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const takingOf = async (service: DemoService) => (await service.workers()).filter(({ taking }) => taking);

function storesOf({ stateDir }: DemoService): Pick<Stage, "kept" | "records"> {
  const records = () => recordsIn(join(stateDir, "records"));
  return { records, kept: async () => await keptIn(join(stateDir, "journal"), await records()) };
}

/** The names of those whose agent's first sentence stands in a journal, and in which one: another worker could take it up. */
async function keptIn(journal: string, records: readonly Cdr[]): Promise<ReadonlyMap<string, number>> {
  const files = await readdir(journal);
  const open = records.filter(({ ended }) => ended === null);
  const lastWords = async (id: string): Promise<number> => {
    for (const attempt of [2, 1]) {
      const file = files.find((name) => name.includes(`-${id}.${attempt}.`));
      const text = file === undefined ? "" : await readFile(join(journal, file), "utf8").catch(() => "");
      if (text.includes('"saying"')) return attempt;
    }
    return 0;
  };
  const kept = await Promise.all(open.map(async ({ id, fromName }) => [fromName, await lastWords(id)] as const));
  return new Map(kept.filter(([, attempt]) => attempt > 0));
}

async function recordsIn(dir: string): Promise<readonly Cdr[]> {
  const database = openReading(dir);
  try {
    return database ? await listCalls(database.db, { limit: RECORDS_MAX }) : [];
  } finally {
    database?.close();
  }
}
