import { join } from "node:path";
import type { AsteriskInstall } from "../../deploy/engines/asterisk.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { heardSound, soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { providers } from "../../src/providers/index.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";

const NUMBER = "4100";
const SPOKEN_MS = 900;
const HEARD_BY_MS = 4000;

/** What became of the calls that one kill hit. */
export interface Kill {
  readonly calls: number;
  readonly lost: number;
  readonly menu: number;
  /** From the kill to the other worker's first sound. */
  readonly resumedMs: readonly number[];
}

/** Two services with one journal on a real Asterisk, and phones to call them with. */
export class TwoServices implements AsyncDisposable {
  readonly whole: WholeService;
  readonly #second: DemoService;
  readonly #excuse: Int16Array;

  private constructor(whole: WholeService, second: DemoService, excuse: Int16Array) {
    this.whole = whole;
    this.#second = second;
    this.#excuse = excuse;
  }

  static async start(install: AsteriskInstall): Promise<TwoServices> {
    const settings = { supervisor: { restartMaxMs: 250 } };
    const whole = await startWholeService(install, { settings, presence: true });
    try {
      const { ari, ami } = whole.asterisk;
      const { stateDir } = whole.service;
      const second = await startDemoService({
        engines: { asterisk: { ari, ami, presence: true } },
        dir: join(whole.dir, "second"),
        clock: systemClock,
        settings: {
          ...settings,
          journal: { dir: join(stateDir, "journal") },
          records: { dir: join(stateDir, "records") },
        },
      });
      return new TwoServices(whole, second, await excuseOf());
    } catch (error) {
      await whole[Symbol.asyncDispose]();
      throw error;
    }
  }

  get services(): readonly DemoService[] {
    return [this.whole.service, this.#second];
  }

  /** Kills the worker that has the most of these calls, while their agents greet. */
  async kill(calls: number, signal: AbortSignal): Promise<Kill> {
    const pids = await this.#bothUp(signal);
    const legs = await Promise.all(Array.from({ length: calls }, () => this.#greeted(signal)));
    try {
      const killedMs = systemClock.now();
      // Who has which call nobody needs to know: whoever dies, the others' callers hear no excuse.
      const victim = pids[Math.floor(killedMs) % pids.length] ?? 0;
      const before = await this.#callsOf(victim);
      process.kill(victim, "SIGKILL");
      await systemClock.sleep(HEARD_BY_MS, signal);
      return await this.#aftermath(legs, { killedMs, hit: before, signal });
    } finally {
      await Promise.all(legs.map((leg) => leg.hangUp()));
    }
  }

  async records(): Promise<readonly Cdr[]> {
    const database = openReading(join(this.whole.service.stateDir, "records"));
    try {
      return database ? await listCalls(database.db, { limit: 10_000 }) : [];
    } finally {
      database?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#second.stop();
    await this.whole[Symbol.asyncDispose]();
  }

  async #aftermath(
    legs: readonly CallLeg[],
    { killedMs, hit, signal }: { killedMs: number; hit: number; signal: AbortSignal },
  ): Promise<Kill> {
    const look = { sinceMs: killedMs, withinMs: 0, clock: systemClock, signal };
    const heard = await Promise.all(
      legs.map(async (leg) => ({
        up: !leg.signal.aborted,
        excuseMs: await heardSound(leg, { ...look, sound: this.#excuse }),
        menuMs: await heardSound(leg, { ...look, sound: this.whole.menu }),
      })),
    );
    const resumedMs = heard.flatMap(({ excuseMs }) => (excuseMs === undefined ? [] : [excuseMs - killedMs]));
    const menu = heard.filter(({ excuseMs, menuMs }) => excuseMs === undefined && menuMs !== undefined).length;
    const silent = Math.max(0, hit - resumedMs.length - menu);
    return { calls: hit, lost: Math.max(heard.filter(({ up }) => !up).length, silent), menu, resumedMs };
  }

  async #bothUp(signal: AbortSignal): Promise<number[]> {
    await Promise.all(this.services.map((service) => service.ready(signal)));
    for (;;) {
      const shown = await this.whole.asterisk.cli("core show channels concise");
      if ((shown.match(/!sidetone-presence!/g)?.length ?? 0) >= 2) break;
      await systemClock.sleep(50, signal);
    }
    return await Promise.all(this.services.map((service) => service.workerPid()));
  }

  async #callsOf(pid: number): Promise<number> {
    const workers = await Promise.all(this.services.map((service) => service.workers()));
    return workers.flat().find((worker) => worker.pid === pid)?.calls ?? 0;
  }

  async #greeted(signal: AbortSignal): Promise<CallLeg> {
    const leg = await this.whole.phone.call(NUMBER, { codec: "ulaw", signal });
    await leg.answered;
    await leg.heard.soundFor({ ms: SPOKEN_MS, sinceMs: leg.times.answeredMs ?? 0, signal });
    return leg;
  }
}

/** As the agent says it to a caller whose call was interrupted. */
async function excuseOf(): Promise<Int16Array> {
  const { flite } = providers.tts;
  const voice = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
  const signal = AbortSignal.timeout(60_000);
  const frames = await spoken(voice, { text: "Sorry, the line was interrupted.", as: "slt", signal });
  await voice.close();
  return soundOf(frames);
}
