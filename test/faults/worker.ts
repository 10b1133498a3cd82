import { join } from "node:path";
import { z } from "zod";
import { FRAME_MS, samplesPerFrame } from "../../src/audio/frame.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import { createLog } from "../../src/base/log.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import { catalogue as shipped } from "../../src/config/catalogue.ts";
import type { Catalogue } from "../../src/config/config.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { TextToSpeech } from "../../src/conversation/providers.ts";
import { createAsterisk } from "../../src/engines/asterisk/engine.ts";
import type { AsteriskOptions } from "../../src/engines/asterisk/options.ts";
import type { ProviderModule, Stage, StagePort } from "../../src/providers/module.ts";
import { type Service, startService } from "../../src/service.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { Folder } from "../config/support.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeModel } from "../fakes/model.ts";

/** The agent's voice is a tone for each thing that it says. */
export const VOICE_HZ = { greeting: 440, answer: 540, apology: 680 };
const SAYS_MS = 600;

const AGENT = "greeting: greeting\nprompt: Be kind.\nprompts: {apology: apology, noInput: greeting}\n";

/** Says its words as tones, and fails where it is told to. */
class ToneVoice implements TextToSpeech {
  readonly name = "fake";
  fails = false;

  async *speak(text: AsyncIterable<string>, { rate }: Parameters<TextToSpeech["speak"]>[1]) {
    for await (const piece of text) {
      if (this.fails && piece.includes("answer")) throw new Error("the voice broke");
      const [, hz = VOICE_HZ.answer] = Object.entries(VOICE_HZ).find(([words]) => piece.includes(words)) ?? [];
      for (let at = 0; at < (SAYS_MS / FRAME_MS) * samplesPerFrame(rate); at += samplesPerFrame(rate)) {
        const sample = (_: unknown, index: number) => 8000 * Math.sin((2 * Math.PI * hz * (at + index)) / rate);
        yield { pcm: Int16Array.from({ length: samplesPerFrame(rate) }, sample), rate };
      }
    }
  }

  async close(): Promise<void> {}
}

export interface WorkerWishes {
  readonly options: AsteriskOptions;
  readonly clock?: Clock;
  /** More of sidetone.yaml, as YAML. */
  readonly settings?: string;
  readonly stateDir?: string;
  readonly port?: number;
  readonly portCanWait?: boolean;
  /** Run with the folder, before anything starts. */
  readonly prepare?: (stateDir: string) => void | Promise<void>;
}

/** The whole service in this process, beside an Asterisk, with ears, model and voice that do as they are told. */
export class FaultyWorker implements AsyncDisposable {
  readonly ear = new FakeEar(systemClock);
  readonly model = new FakeModel(systemClock);
  readonly voice = new ToneVoice();
  readonly lines: string[] = [];
  readonly stateDir: string;
  readonly #folder: Folder;
  #service: Service | undefined;

  private constructor(folder: Folder, stateDir: string) {
    this.#folder = folder;
    this.stateDir = stateDir;
    this.model.answer = () => "answer";
  }

  static async start(wishes: WorkerWishes): Promise<FaultyWorker> {
    const { options, settings = "", port = 0, portCanWait = false } = wishes;
    const folder = new Folder({ "agents/reception.yaml": AGENT });
    const worker = new FaultyWorker(folder, wishes.stateDir ?? join(folder.path, "state"));
    await wishes.prepare?.(worker.stateDir);
    const engines = JSON.stringify({ asterisk: options });
    const places = `server: {port: ${port}}\nstateDir: ${worker.stateDir}\ncacheDir: cache\n`;
    folder.write("sidetone.yaml", `engines: ${engines}\n${places}${settings}`);
    try {
      worker.#service = await startService(loadConfig(folder.file, { catalogue: worker.#catalogue(), env: {} }), {
        clock: wishes.clock ?? systemClock,
        log: createLog({ level: "info", destination: { write: (line) => void worker.lines.push(line) } }),
        version: "0.0.0",
        createEngine: (_name, given, context) => createAsterisk(given as AsteriskOptions, context),
        hintsOf: () => [],
        portCanWait,
      });
      return worker;
    } catch (error) {
      folder[Symbol.dispose]();
      throw error;
    }
  }

  get port(): number {
    return Number(new URL(this.#service?.url ?? "").port);
  }

  /** Whether it has said so; a line's fields are part of it. */
  said(text: string): boolean {
    return this.lines.some((line) => line.includes(text));
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.#service?.url}/metrics`)).text();
  }

  async ready(): Promise<boolean> {
    return (await fetch(`${this.#service?.url}/readyz`)).ok;
  }

  async records(): Promise<Cdr[]> {
    const database = openReading(join(this.stateDir, "records"));
    try {
      return database ? await listCalls(database.db, { limit: 100 }) : [];
    } finally {
      database?.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service?.close("test");
    this.#folder[Symbol.dispose]();
  }

  #catalogue(): Catalogue {
    const ports: Omit<StagePort, "speech"> = {
      vad: new FakeVoiceActivity(),
      stt: this.ear,
      llm: this.model,
      tts: this.voice,
    };
    const moduleOf = (stage: keyof typeof ports): ProviderModule<Stage> => ({
      stage,
      name: "fake",
      schema: z.strictObject({}),
      leavesHost: () => undefined,
      create: () => ports[stage],
    });
    const defaults = { vad: "fake", stt: "fake", llm: "fake", tts: "fake" };
    return { ...shipped, providers: (["vad", "stt", "llm", "tts"] as const).map(moduleOf), defaults };
  }
}
