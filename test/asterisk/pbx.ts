import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type AsteriskInstall,
  prepareAsterisk,
  type RunningAsterisk,
  startAsterisk,
} from "../../deploy/engines/asterisk.ts";
import { tones } from "../../src/audio/tone.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type AmiMessage, AmiMonitor } from "./ami-monitor.ts";
import { type Invitation, SipPeer } from "./sip-peer.ts";

/** Every prompt is a tone of its own, so that a test hears which one is played. */
export const PROMPT_HZ = {
  menu: 500,
  unavailable: 1_300,
  invalid: 1_700,
  goodbye: 2_100,
  "menu-voicemail": 2_500,
  brief: 2_700,
};
/** What the phones say when they answer. */
export const PHONE_HZ = { sales: 900, support: 1_100, operator: 700 };

/** As many as one call is offered to. */
const IDLE_CLIENTS = 2;

/** The next thing that a client says. */
const answerOf = async ({ stdout }: ChildProcess): Promise<string> =>
  stdout ? String((await once(stdout, "data"))[0]) : "nothing";

export type Target = keyof typeof PHONE_HZ;

export interface PbxOptions {
  readonly prompts?: boolean;
  readonly globals?: Readonly<Record<string, string>>;
  readonly extra?: Readonly<Record<string, string>>;
  readonly install?: (install: AsteriskInstall) => AsteriskInstall;
}

export interface Lent {
  readonly mediaUrl: string;
  readonly event: AmiMessage;
}

/** A real Asterisk with the shipped files, three phones to be transferred to, and a trunk that needs no password. */
export class Pbx {
  readonly asterisk: RunningAsterisk;
  readonly monitor: AmiMonitor;
  readonly phones: Readonly<Record<Target, SipPeer>>;
  readonly #folder: string;
  readonly #open: SipPeer[] = [];
  readonly #idle: ChildProcess[] = [];
  readonly #clients = new Set<ChildProcess>();

  private constructor(parts: Pick<Pbx, "asterisk" | "monitor" | "phones"> & { folder: string }) {
    this.asterisk = parts.asterisk;
    this.monitor = parts.monitor;
    this.phones = parts.phones;
    this.#folder = parts.folder;
  }

  static async start(options: PbxOptions = {}): Promise<Pbx> {
    const folder = await mkdtemp(join(tmpdir(), "sidetone-test-"));
    const sounds = join(folder, "prompts");
    await mkdir(sounds);
    if (options.prompts !== false) await writePrompts(sounds);
    // The phones' ports must be known to the PBX before it is there, and the PBX's port to the phones afterwards.
    const phones = { sales: await phone("sales"), support: await phone("support"), operator: await phone("operator") };
    const install = await prepareAsterisk();
    const asterisk = await startAsterisk({
      install: options.install?.(install) ?? install,
      sounds,
      globals: { SIDETONE_KEY_S: "0.3", SIDETONE_RING_S: "1", ...options.globals },
      extra: {
        ...options.extra,
        "manager.conf": "[monitor]\nsecret = monitor\nread = all\nwrite = all",
        "pjsip.conf": `${trunks}\n${targets(phones)}\n${options.extra?.["pjsip.conf"] ?? ""}`,
      },
    });
    const monitor = await AmiMonitor.open({ port: asterisk.ports.ami, secret: "monitor" });
    return new Pbx({ asterisk, monitor, phones, folder });
  }

  async call(invitation: Invitation, host?: string): Promise<SipPeer> {
    await this.#stockClients();
    const caller = await SipPeer.open(this.asterisk.ports.sip, host === undefined ? {} : { host });
    this.#open.push(caller);
    caller.invite(invitation);
    return caller;
  }

  /** What a running Sidetone does twice a second. It holds for more than two seconds: long enough to place a call. */
  async beat(epochSeconds = Math.floor(systemClock.wall() / 1_000)): Promise<void> {
    await this.monitor.action({ Action: "Setvar", Variable: "SIDETONE_BEAT", Value: String(epochSeconds) });
  }

  /** Waits for the offer of a call that the dialplan lends. */
  async offer(fits: (event: AmiMessage) => boolean): Promise<Lent> {
    const lent = (event: AmiMessage): boolean => event.UserEvent === "SidetoneMedia" && fits(event);
    const event = await this.monitor.event("offer of a call", lent);
    return { mediaUrl: `ws://127.0.0.1:${this.asterisk.ports.http}/media/${event.media}`, event };
  }

  /** A worker in miniature takes the audio; resolves when its voice is on the way. */
  async take({ mediaUrl }: Lent, toneHz: number): Promise<ChildProcess> {
    const client = this.#idle.shift() ?? (await this.#startClient());
    client.stdin?.write(`${mediaUrl} ${toneHz}\n`);
    const said = await answerOf(client);
    if (!said.startsWith("up")) throw new Error(`the media client says ${said}`);
    return client;
  }

  /** Clients that are up before a call is lent: the dialplan waits half a second for one, and a process may take longer to start. */
  async #stockClients(): Promise<void> {
    const missing = Array.from({ length: Math.max(0, IDLE_CLIENTS - this.#idle.length) });
    this.#idle.push(...(await Promise.all(missing.map(() => this.#startClient()))));
  }

  async #startClient(): Promise<ChildProcess> {
    const program = join(import.meta.dirname, "media-client.ts");
    const client = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", program], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#clients.add(client);
    client.once("close", () => this.#clients.delete(client));
    const said = await answerOf(client);
    if (!said.startsWith("ready")) throw new Error(`the media client says ${said}`);
    return client;
  }

  /** Hangs every phone up and waits until Asterisk has no channel left. */
  async settle(): Promise<void> {
    for (const client of this.#clients) if (!this.#idle.includes(client)) client.kill("SIGKILL");
    await Promise.all(this.#open.splice(0).map((caller) => caller.close()));
    for (const peer of Object.values(this.phones)) peer.reset();
    const deadline = systemClock.now() + 5_000;
    for (;;) {
      const channels = await this.asterisk.cli("core show channels count");
      if (/^0 active channels/m.test(channels)) break;
      if (systemClock.now() > deadline)
        throw new Error(`left behind: ${await this.asterisk.cli("core show channels")}`);
      await systemClock.sleep(20);
    }
    this.monitor.events.length = 0;
  }

  async stop(): Promise<void> {
    this.monitor.close();
    for (const client of this.#clients) client.kill("SIGKILL");
    await Promise.all([...this.#open, ...Object.values(this.phones)].map((peer) => peer.close()));
    await this.asterisk.stop();
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

// A trunk by address with the shipped templates, and phones inside that are known by theirs.
const trunks = `
[carrier](sidetone-trunk)
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
[carrier-id](sidetone-trunk-address)
endpoint = carrier
match = 127.0.0.1
[desk](sidetone-phone)
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
[desk-id](sidetone-trunk-address)
endpoint = desk
match = 127.0.0.2`;

const targets = (phones: Readonly<Record<Target, SipPeer>>): string =>
  Object.entries(phones)
    .map(
      ([name, { port }]) => `
[${name}](sidetone-phone)
aors = ${name}
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
[${name}]
type = aor
contact = sip:${name}@127.0.0.1:${port}`,
    )
    .join("\n");
