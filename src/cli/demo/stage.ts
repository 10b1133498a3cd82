import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { preparePackages } from "../../../deploy/engines/packages.ts";
import { readWav } from "../../audio/wav.ts";
import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import { packageFolder } from "../../base/package.ts";
import { Phone } from "../../caller/phone.ts";
import type { TextToSpeech } from "../../conversation/providers.ts";
import { providers } from "../../providers/index.ts";
import { makePrompts } from "../prompts.ts";
import { answering, spoken } from "./actors.ts";
import { type DemoEngine, type DemoPbx, prepareDemoPbx } from "./pbx.ts";
import { type Actors, LINES, type Line } from "./scenes.ts";
import type { Screen } from "./screen.ts";
import { type DemoService, startDemoService } from "./service.ts";

/** The agent speaks with slt: on the line each side shall be told from the other. */
const VOICES = { caller: "rms", support: "awb" } as const;
const SUPPORT_WORDS = "Support, this is Anna speaking. What can I do for you?";
const RING_MS = 600;
export const NUMBER = "4100";

export interface Stage {
  readonly pbx: DemoPbx;
  readonly service: DemoService;
  readonly actors: Actors;
}

export interface StageOptions {
  /** Default: Asterisk. */
  readonly engine?: DemoEngine;
  /** Where FreeSWITCH is installed. */
  readonly prefix?: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** What must be undone, in reverse, whatever happens. */
  readonly undo: AsyncDisposableStack;
}

/** Prepares and starts everything that a call needs: a PBX with the shipped files, the service, two phones, their words. */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { engine = "asterisk", prefix, clock, log, screen, signal, undo } = options;
  const progress = (line: string): void => screen.progress(line);
  const dir = await mkdtemp(join(tmpdir(), "sidetone-demo-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const sounds = join(dir, "prompts");
  const phones = ["caller", "support", "own"];
  const startPbx = await prepareDemoPbx({ engine, prefix, phones, sounds, progress, signal });
  await preparePackages(["pocketsphinx", "pocketsphinx-en-us"], { progress, signal });
  const voice = providers.tts.flite.create(providers.tts.flite.schema.parse({}), { clock, log });
  undo.defer(() => voice.close());

  progress("making the menu's prompts");
  await makePrompts({
    list: join(packageFolder, "deploy/prompts/en.yaml"),
    out: sounds,
    voice: { tts: voice, voice: "slt", language: "en" },
  });
  const pbx = await startPbx();
  undo.defer(() => pbx.stop());
  progress("starting Sidetone through its supervisor");
  const service = await startDemoService({
    engines: pbx.engines,
    dir,
    clock,
    settings: { recording: { mode: "agent", consent: "none" } },
  });
  undo.defer(() => service.stop());
  const [lines, support] = await Promise.all([
    wordsOf(voice, signal),
    spoken(voice, { text: SUPPORT_WORDS, as: VOICES.support, signal }),
    service.ready(signal),
  ]);

  const [callerPhone, supportPhone] = [openPhone("caller"), openPhone("support")];
  for (const [name, phone] of Object.entries({ caller: callerPhone, support: supportPhone })) {
    undo.defer(() => phone.stop());
    await phone.start({ signal });
    if (pbx.introduce) await pbx.introduce(name, phone.contact);
    else await phone.register({ signal });
  }
  const menu = readWav(await readFile(join(sounds, "menu.wav")));
  const actors: Actors = {
    caller: callerPhone,
    support: answering(supportPhone, { words: support, ringMs: RING_MS, clock, signal }),
    lines,
    menuPrompt: menu.channels[0] ?? new Int16Array(),
    number: NUMBER,
    workerPid: () => service.workerPid(),
    clock,
    screen,
    signal,
  };
  return { pbx, service, actors };

  function openPhone(name: string): Phone {
    const account = pbx.phones.find((phone) => phone.name === name);
    if (!account) throw new Error(`the PBX has no phone "${name}"`);
    return new Phone({ pbx: pbx.address(name), user: name, password: account.password }, { clock, log });
  }
}

async function wordsOf(voice: TextToSpeech, signal: AbortSignal): Promise<Actors["lines"]> {
  const speak = (line: Line) => spoken(voice, { text: LINES[line], as: VOICES.caller, signal });
  return {
    hours: await speak("hours"),
    parking: await speak("parking"),
    agreeing: await speak("agreeing"),
    appointment: await speak("appointment"),
    person: await speak("person"),
  };
}
