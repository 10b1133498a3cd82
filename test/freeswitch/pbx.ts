import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ReachableFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { tones } from "../../src/audio/tone.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type Invitation, SipPeer } from "../asterisk/sip-peer.ts";
import { NUMBER, openFreeswitch } from "./open.ts";

/** Every prompt is a tone of its own, so that a test hears which one is played. */
export const PROMPT_HZ = {
  menu: 500,
  unavailable: 1_300,
  invalid: 1_700,
  goodbye: 2_100,
  "menu-voicemail": 2_500,
  "recording-announce": 2_900,
  "recording-ask": 3_100,
  brief: 2_700,
};
/** What the phones say when they answer. */
export const PHONE_HZ = { sales: 900, support: 1_100, operator: 700 };
export type Target = keyof typeof PHONE_HZ;

export interface PbxOptions {
  readonly prompts?: boolean;
  readonly globals?: Readonly<Record<string, string>>;
  readonly trunkSettings?: Readonly<Record<string, string>>;
}

/** A worker in miniature, and what it was lent. */
export interface Worker {
  readonly child: ChildProcess;
  readonly lent: { readonly uuid: string; readonly attempt: string }[];
}

/** A real FreeSWITCH with the shipped files, three phones to be transferred to, and a trunk that needs no password. */
export class Pbx {
  readonly freeswitch: ReachableFreeswitch;
  readonly phones: Readonly<Record<Target, SipPeer>>;
  readonly #folder: string;
  readonly #logged: number;
  readonly #callers: SipPeer[] = [];
  readonly #workers = new Set<ChildProcess>();

  private constructor(parts: Pick<Pbx, "freeswitch" | "phones"> & { folder: string; logged: number }) {
    this.freeswitch = parts.freeswitch;
    this.phones = parts.phones;
    this.#folder = parts.folder;
    this.#logged = parts.logged;
  }

  static async start(options: PbxOptions = {}): Promise<Pbx> {
    const folder = await mkdtemp(join(tmpdir(), "sidetone-test-"));
    await chmod(folder, 0o755);
    const sounds = join(folder, "prompts");
    await mkdir(sounds);
    if (options.prompts !== false) await writePrompts(sounds);
    // The phones' ports must be known to the PBX before it is there, and the PBX's port to the phones afterwards.
    const phones = { sales: await phone("sales"), support: await phone("support"), operator: await phone("operator") };
    const targets = Object.entries(phones).map(([name, { port }]) => [
      `sidetone_target_${name}`,
      `sofia/external/sip:${name}@127.0.0.1:${port}`,
    ]);
    const freeswitch = await openFreeswitch({
      sounds,
      globals: { sidetone_key_ms: "1000", sidetone_ring_s: "1", ...Object.fromEntries(targets), ...options.globals },
      trunkSettings: options.trunkSettings ?? {},
    });
    const logged = freeswitch.attached ? (await readFile(freeswitch.logFile, "utf8")).length : 0;
    return new Pbx({ freeswitch, phones, folder, logged });
  }

  get lendPorts(): readonly number[] {
    return this.freeswitch.ports.lend;
  }

  async call(invitation: Partial<Invitation> = {}): Promise<SipPeer> {
    const caller = await SipPeer.open(this.freeswitch.ports.trunk, { pbx: this.freeswitch.trunkHost });
    this.#callers.push(caller);
    caller.invite({ to: NUMBER, ...invitation });
    return caller;
  }

  /** Starts a worker at one of the two ports. */
  async worker(hz: number, port = this.lendPorts[0] ?? 0): Promise<Worker> {
    const program = join(import.meta.dirname, "socket-worker.ts");
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", program, String(port), String(hz)],
      { stdio: ["pipe", "pipe", "inherit"] },
    );
    this.#workers.add(child);
    child.once("close", () => this.#workers.delete(child));
    const lent: { uuid: string; attempt: string }[] = [];
    const lines = createInterface({ input: child.stdout });
    lines.on("line", (line) => {
      const [, uuid, attempt] = /^lent (\S+) (\d)$/.exec(line) ?? [];
      if (uuid !== undefined && attempt !== undefined) lent.push({ uuid, attempt });
    });
    await once(lines, "line");
    return { child, lent };
  }

  /** Hangs every phone up, ends the workers, and waits until FreeSWITCH has no channel left. */
  async settle(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    await Promise.all(this.#callers.splice(0).map((caller) => caller.close()));
    for (const peer of Object.values(this.phones)) peer.reset();
    const deadline = systemClock.now() + 8_000;
    while (!/^\s*0 total/m.test(await this.freeswitch.cli("show channels count"))) {
      if (systemClock.now() > deadline) throw new Error(`left behind: ${await this.freeswitch.cli("show channels")}`);
      await systemClock.sleep(20);
    }
  }

  /** FreeSWITCH's warnings and errors since the beginning, without those that a test has asked for. */
  async complaints(expected: RegExp): Promise<string[]> {
    const lines = (await readFile(this.freeswitch.logFile, "utf8")).slice(this.#logged).split("\n");
    return lines.filter((line) => /\[(WARNING|ERR|CRIT|ALERT)\]/.test(line) && !expected.test(line));
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) worker.kill("SIGKILL");
    await Promise.all([...this.#callers, ...Object.values(this.phones)].map((peer) => peer.close()));
    await this.freeswitch.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function phone(name: Target): Promise<SipPeer> {
  const peer = await SipPeer.open(0);
  peer.say(PHONE_HZ[name]);
  return peer;
}

async function writePrompts(folder: string): Promise<void> {
  for (const [name, hz] of Object.entries(PROMPT_HZ)) {
    const pcm = tones({ hz: [hz], ms: 200, rate: 8_000, levelDbov: -12 });
    await writeFile(join(folder, `${name}.wav`), writeWav({ rate: 8_000, channels: [pcm] }));
  }
}
