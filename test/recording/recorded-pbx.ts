import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AsteriskInstall, type RunningAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import type { Frame } from "../../src/audio/frame.ts";
import type { MediaStream } from "../../src/audio/stream.ts";
import { tones } from "../../src/audio/tone.ts";
import { readWav, type Wav, writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Leg } from "../../src/call/engine.ts";
import type { Recording, RecordingPolicy } from "../../src/call/recording.ts";
import { RecordingFolder } from "../../src/call/recording-folder.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { createAsterisk } from "../../src/engines/asterisk/engine.ts";
import { asteriskOptions } from "../../src/engines/asterisk/options.ts";
import { phoneOf } from "../support/whole-service.ts";

export const PROMPT_HZ = { menu: 500, "recording-announce": 1100, "recording-ask": 1300 };
const PATTERN = "{year}/{month}/{time}-{call}";

const WIDEBAND = `
[wide](sidetone-endpoint)
context=sidetone-in
allow=!all,g722
media_address=127.0.0.1
bind_rtp_to_media_address=yes
[wide]
type=identify
endpoint=wide
match=127.0.0.2`;

/** A call that is up: the caller's end and the agent's. */
export interface RecordedCall {
  readonly caller: CallLeg;
  readonly leg: Leg;
  readonly media: MediaStream;
  readonly recording: Recording;
}

/** A real Asterisk with the shipped files, and a worker in miniature that takes its calls and keeps their recordings. */
export class RecordedPbx implements AsyncDisposable {
  readonly asterisk: RunningAsterisk;
  readonly dir: string;
  readonly sounds: string;

  private constructor(asterisk: RunningAsterisk, { dir, sounds }: { dir: string; sounds: string }) {
    this.asterisk = asterisk;
    this.dir = dir;
    this.sounds = sounds;
  }

  static async start(install: AsteriskInstall): Promise<RecordedPbx> {
    const dir = await mkdtemp(join(tmpdir(), "sidetone-recorded-"));
    const sounds = join(dir, "sounds");
    await mkdir(sounds);
    for (const [name, hz] of Object.entries(PROMPT_HZ)) {
      const pcm = tones({ hz: [hz], ms: name === "menu" ? 3000 : 300, rate: 8000, levelDbov: -12 });
      await writeFile(join(sounds, `${name}.wav`), writeWav({ rate: 8000, channels: [pcm] }));
    }
    const asterisk = await startAsterisk({
      install,
      sounds,
      phones: [{ name: "caller" }],
      globals: { SIDETONE_KEY_S: "0.5" },
      extra: { "pjsip.conf": WIDEBAND },
    });
    return new RecordedPbx(asterisk, { dir, sounds });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.asterisk.stop();
    await rm(this.dir, { recursive: true, force: true });
  }

  /** A worker with this policy. Its calls are taken by `nextLeg`. */
  async worker(policy: Omit<RecordingPolicy, "spool"> & { readonly spool?: string }): Promise<Worker> {
    const worker = new Worker(this, policy);
    await worker.start();
    return worker;
  }
}

export class Worker implements AsyncDisposable {
  readonly results: string[] = [];
  readonly dir: string;
  readonly folder: RecordingFolder;
  readonly #pbx: RecordedPbx;
  readonly #abort = new AbortController();
  readonly #legs: Leg[] = [];
  readonly #waiting: ((leg: Leg) => void)[] = [];
  #running: Promise<void> = Promise.resolve();

  constructor(pbx: RecordedPbx, policy: Omit<RecordingPolicy, "spool"> & { readonly spool?: string }) {
    this.#pbx = pbx;
    this.dir = join(pbx.dir, "recordings");
    this.folder = new RecordingFolder({
      policy: { spool: join(this.dir, "incoming"), ...policy },
      dir: this.dir,
      pattern: PATTERN,
      clock: systemClock,
      log: silentLog,
      count: (result) => void this.results.push(result),
    });
  }

  async start(): Promise<void> {
    await mkdir(join(this.dir, "incoming"), { recursive: true });
    const { ari, ami } = this.#pbx.asterisk;
    const context = { clock: systemClock, log: silentLog, recordings: this.folder };
    const engine = createAsterisk(asteriskOptions.parse({ ari, ami }), context);
    this.#running = engine.run((leg) => this.#onLeg(leg), this.#abort.signal);
    await until(async () => engine.health.state === "connected");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#running;
    await this.folder.idle();
  }

  nextLeg(): Promise<Leg> {
    const leg = this.#legs.shift();
    if (leg) return Promise.resolve(leg);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** One call, with somebody on both ends. `meanwhile` is what the caller does before the agent is there. */
  async call(meanwhile: (caller: CallLeg) => Promise<void> = async () => {}): Promise<RecordedCall & AsyncDisposable> {
    const phone = phoneOf(this.#pbx.asterisk, "caller");
    await phone.start();
    await phone.register();
    const caller = await phone.call("4100", { codec: "ulaw" });
    await caller.answered;
    await meanwhile(caller);
    const leg = await this.nextLeg();
    const media = await leg.openMedia();
    const { recording } = leg;
    if (!recording) throw new Error("the leg knows of no recording");
    const end = async (): Promise<void> => {
      await caller.hangUp();
      await phone.stop();
    };
    return { caller, leg, media, recording, [Symbol.asyncDispose]: end };
  }

  /** The WAV file of this recording, when it is there. */
  async kept({ path }: Recording): Promise<Wav> {
    if (path === null) throw new Error("nothing is recorded");
    let bytes: Buffer | undefined;
    await until(async () => {
      bytes = await readFile(path).catch(() => undefined);
      return bytes !== undefined;
    });
    return readWav(bytes ?? Buffer.alloc(0));
  }

  /** What the PBX has left and nobody has taken up yet. */
  async raw(): Promise<string[]> {
    return readdir(join(this.dir, "incoming"));
  }

  async #onLeg(leg: Leg): Promise<void> {
    const next = this.#waiting.shift();
    if (next) next(leg);
    else this.#legs.push(leg);
    await new Promise<void>((resolve) => leg.signal.addEventListener("abort", () => resolve(), { once: true }));
  }
}

const PATIENCE_MS = 8000;

/** Looks until it holds; rejects when it does not within some seconds. */
export async function until(holds: () => Promise<boolean>, withinMs = PATIENCE_MS): Promise<void> {
  const deadline = systemClock.now() + withinMs;
  while (!(await holds())) {
    if (systemClock.now() > deadline) throw new Error("waited in vain");
    await systemClock.sleep(20);
  }
}

/** Speech-like noise that correlates with nothing else, a second of it unless told. */
export function burst(seed: number, ms = 1000): Int16Array {
  let [state, smooth] = [seed, 0];
  return Int16Array.from({ length: ms * 8 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff;
    smooth += 0.4 * ((state / 0x7fff_ffff - 0.5) * 16_000 - smooth);
    return smooth;
  });
}

/** Plays to the caller as an agent does, 20 ms at a time. Resolves when all of it was heard. */
export async function play(media: MediaStream, pcm: Int16Array): Promise<void> {
  const signal = AbortSignal.timeout(PATIENCE_MS);
  for (let at = 0; at < pcm.length; at += 160) {
    const frame: Frame = { pcm: pcm.slice(at, at + 160), rate: 8000 };
    while (!media.write(frame)) await media.room(signal);
  }
  await media.drained(signal);
}
