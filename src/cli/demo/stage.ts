import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareAsterisk, type RunningAsterisk, startAsterisk } from "../../../deploy/engines/asterisk.ts";
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
import { type Actors, LINES, type Line } from "./scenes.ts";
import type { Screen } from "./screen.ts";
import { type DemoService, startDemoService } from "./service.ts";

/** The agent speaks with slt: on the line each side shall be told from the other. */
const VOICES = { caller: "rms", support: "awb" } as const;
const SUPPORT_WORDS = "Support, this is Anna speaking. What can I do for you?";
const RING_MS = 600;
export const NUMBER = "4100";

export interface Stage {
  readonly asterisk: RunningAsterisk;
  readonly service: DemoService;
  readonly actors: Actors;
}

export interface StageOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly screen: Screen;
  readonly signal: AbortSignal;
  /** What must be undone, in reverse, whatever happens. */
  readonly undo: AsyncDisposableStack;
}

/** Prepares and starts everything that a call needs: Asterisk with the shipped files, the service, two phones, their words. */
export async function setStage({ clock, log, screen, signal, undo }: StageOptions): Promise<Stage> {
  const progress = (line: string): void => screen.progress(line);
  const install = await prepareAsterisk({ progress, signal });
  await preparePackages(["pocketsphinx", "pocketsphinx-en-us"], { progress, signal });
  const dir = await mkdtemp(join(tmpdir(), "sidetone-demo-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  const voice = providers.tts.flite.create(providers.tts.flite.schema.parse({}), { clock, log });
  undo.defer(() => voice.close());

  progress("making the menu's prompts");
  const sounds = join(dir, "prompts");
  await makePrompts({
    list: join(packageFolder, "deploy/prompts/en.yaml"),
    out: sounds,
    voice: { tts: voice, voice: "slt", language: "en" },
  });
  progress(`starting Asterisk ${install.version} with the files of asterisk/`);
  const phones = ["caller", "support", "own"].map((name) => ({ name }));
  const asterisk = await startAsterisk({ install, phones, sounds, signal });
  undo.defer(() => asterisk.stop());
  progress("starting Sidetone through its supervisor");
  const service = await startDemoService({
    asterisk,
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
  for (const phone of [callerPhone, supportPhone]) {
    undo.defer(() => phone.stop());
    await phone.start({ signal });
    await phone.register({ signal });
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
  return { asterisk, service, actors };

  function openPhone(name: string): Phone {
    const account = asterisk.phones.find((phone) => phone.name === name);
    if (!account) throw new Error(`Asterisk has no phone "${name}"`);
    const pbx = { transport: "ws", url: account.wsUrl } as const;
    return new Phone({ pbx, user: name, password: account.password }, { clock, log });
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
