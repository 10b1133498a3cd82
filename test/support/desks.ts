import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { words } from "../../bench/sounds.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { heardSound } from "../../src/cli/demo/actors.ts";
import { FakeValkey } from "../fakes/valkey.ts";
import { saidBy } from "./greeting.ts";
import { Host, wakeLoopback } from "./network.ts";
import { promptsFolder } from "./prompts.ts";

const PASSWORD = "a password of the journals";
const FAR = resolve(import.meta.dirname, "../failover/fixtures/far-host.ts");
const WAIT_MS = 60_000;
/** After a fault so long: whoever hears nothing by then has lost. */
const LOOK_MS = 8000;

/** One host's Sidetone. */
export interface Desk {
  readonly host: Host;
  /** Whom its agents have talked to, since this list was last emptied. */
  readonly calls: string[];
  ready: boolean;
}

const QUESTION = "What are your opening hours?";
const ANSWER = "We are open from eight to six,";
/** A recogniser on a busy machine may not understand the first time. */
const ASKS = 2;

/** What the caller heard after a fault, in ms from it: the agent of another host, or the menu. */
export interface HeardAfter {
  readonly agentMs?: number;
  readonly menuMs?: number;
}

/** Two hosts, each at the end of a cable of its own, and on this side of it the server of their journals. The PBX is the test's. */
export class Desks implements AsyncDisposable {
  readonly hosts: readonly Host[];
  readonly prompts: string;
  readonly all: Desk[] = [];
  readonly #undo: AsyncDisposableStack;
  readonly #dir: string;
  readonly #valkey: FakeValkey;
  readonly #valkeyPort: number;
  readonly #sounds: readonly Int16Array[];
  readonly #answer: Int16Array;

  private constructor(
    undo: AsyncDisposableStack,
    parts: { hosts: readonly Host[]; prompts: string; dir: string; valkey: FakeValkey; port: number },
    { sounds, answer }: { sounds: readonly Int16Array[]; answer: Int16Array },
  ) {
    this.#undo = undo;
    this.hosts = parts.hosts;
    this.prompts = parts.prompts;
    this.#dir = parts.dir;
    this.#valkey = parts.valkey;
    this.#valkeyPort = parts.port;
    this.#sounds = sounds;
    this.#answer = answer;
  }

  static async open(): Promise<Desks> {
    await using undo = new AsyncDisposableStack();
    await wakeLoopback();
    const dir = await mkdtemp(join(tmpdir(), "sidetone-hosts-"));
    undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    const valkey = new FakeValkey({ password: PASSWORD });
    const port = await valkey.listen(0, "0.0.0.0");
    undo.defer(() => valkey.close());
    const hosts = await Promise.all([Host.make(1), Host.make(2)]);
    for (const host of hosts) undo.use(host);
    const prompts = await promptsFolder();
    const [menu = new Int16Array()] = readWav(await readFile(join(prompts, "menu.wav"))).channels;
    const excuse = await saidBy("Sorry, the line was interrupted.");
    const answer = await saidBy(ANSWER);
    return new Desks(undo.move(), { hosts, prompts, dir, valkey, port }, { sounds: [excuse, menu], answer });
  }

  /** Sidetone on each of the hosts; `enginesOf`: where its PBX is, as in sidetone.yaml. */
  start(enginesOf: (host: Host) => Readonly<Record<string, unknown>>): void {
    for (const host of this.hosts) {
      const own: Desk = { host, calls: [], ready: false };
      this.all.push(own);
      const journal = {
        valkey: { url: `valkey://${host.gateway}:${this.#valkeyPort}`, tunnelled: true, password: PASSWORD },
        secret: "the same on both hosts",
      };
      const options = { dir: join(this.#dir, host.address), engines: enginesOf(host), settings: { journal } };
      const args = ["--disable-warning=ExperimentalWarning", FAR, JSON.stringify(options)];
      host.start(process.execPath, args, (line) => {
        if (line === "ready") own.ready = true;
        const [, call] = /^started (\S+)/.exec(line) ?? [];
        if (call) own.calls.push(call);
      });
    }
  }

  /** Resolves when both are ready for a call, and the PBX knows of both. From then on it is counted anew who takes one. */
  async up(present: () => Promise<number>): Promise<void> {
    await until(
      "both hosts",
      async () => this.all.every(({ ready }) => ready) && (await present()) === this.all.length,
    );
    for (const each of this.all) each.calls.length = 0;
  }

  /** How many agents have had a call. */
  get takers(): number {
    return this.all.reduce((sum, { calls }) => sum + calls.length, 0);
  }

  /** The host that has the call, when its course so far stands in the journal of calls. */
  async talking(engine: string): Promise<Desk> {
    const having = (): Desk | undefined => this.all.find(({ calls }) => calls.length > 0);
    await until("somebody who has the call", () => having() !== undefined);
    await until("its journal", () => this.#valkey.text.includes(`:${engine}-`) && this.#valkey.keys.length >= 2);
    return having() as Desk;
  }

  /** Listens to a caller until the other host's agent or the menu is there, and for eight seconds at most. */
  async heardAfter(leg: CallLeg, { sinceMs, signal }: { sinceMs: number; signal: AbortSignal }): Promise<HeardAfter> {
    const look = { sinceMs, withinMs: LOOK_MS, clock: systemClock };
    const either = new AbortController();
    const [agentMs, menuMs] = await Promise.all(
      this.#sounds.map(async (sound) => {
        const options = { ...look, sound, signal: AbortSignal.any([signal, either.signal]) };
        const atMs = await heardSound(leg, options).catch(() => undefined);
        if (atMs !== undefined) either.abort();
        return atMs === undefined ? undefined : Math.round(atMs - sinceMs);
      }),
    );
    return { ...(agentMs !== undefined && { agentMs }), ...(menuMs !== undefined && { menuMs }) };
  }

  /** The caller asks, and has the agent's answer within eight seconds of the question's end. */
  async answers(leg: CallLeg, signal: AbortSignal): Promise<boolean> {
    for (let asked = 1; asked <= ASKS; asked++) {
      await leg.say(framesOf(words(QUESTION)), { signal });
      const look = { sound: this.#answer, sinceMs: systemClock.now(), withinMs: LOOK_MS, clock: systemClock, signal };
      if ((await heardSound(leg, look)) !== undefined) return true;
    }
    return false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#undo.disposeAsync();
  }
}

/** Looks twenty times a second. Rejects, and says for what it waited, after a minute. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const lateMs = systemClock.now() + WAIT_MS;
  while (!(await holds())) {
    if (systemClock.now() > lateMs) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(50);
  }
}
