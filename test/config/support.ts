import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { z } from "zod";
import type { Catalogue, Config } from "../../src/config/config.ts";
import { ConfigError } from "../../src/config/fault.ts";
import { loadConfig } from "../../src/config/load.ts";
import { keySchema } from "../../src/providers/key.ts";
import type { ProviderModule, Stage } from "../../src/providers/module.ts";

const fakeModule = (stage: Stage, name: string, schema: z.ZodType, host?: string): ProviderModule<Stage> => ({
  stage,
  name,
  schema,
  leavesHost: () => host,
  create: () => {
    throw new Error("a configuration's test creates no provider");
  },
});

/** A small world to configure: one engine, one provider a stage, and one that needs an option. */
export const catalogue: Catalogue = {
  engines: {
    asterisk: z.strictObject({
      ari: z.strictObject({
        url: z.string().default("ws://127.0.0.1:8088"),
        user: z.string(),
        password: z.string().min(1),
      }),
      port: z.int().min(1).max(65_535).default(5038),
      media: z.enum(["auto", "websocket", "audiosocket"]).default("auto"),
    }),
  },
  providers: [
    fakeModule("vad", "fvad", z.strictObject({ mode: z.int().min(0).max(3).default(3) })),
    fakeModule("stt", "pocketsphinx", z.strictObject({})),
    fakeModule("llm", "scripted", z.strictObject({})),
    fakeModule("tts", "flite", z.strictObject({ voice: z.string().default("slt") })),
    fakeModule("stt", "cloud", z.strictObject({ apiKey: keySchema }), "api.example.com"),
    fakeModule("tts", "cloud", z.strictObject({ apiKey: keySchema }), "api.example.com"),
  ],
  script: z.strictObject({ else: z.string(), to: z.string().optional() }),
  targetsOf: (script) => {
    const { to } = script as { to?: string };
    return to === undefined ? [] : [{ target: to, path: ["to"] }];
  },
  defaults: { vad: "fvad", stt: "pocketsphinx", llm: "scripted", tts: "flite" },
};

export const SOUND_SERVICE = `engines:
  asterisk:
    ari:
      user: sidetone
      password: {env: ARI_PASSWORD}
`;

export const SOUND_AGENT = `greeting: Hello.
script:
  else: Pardon?
`;

export const ENV = { ARI_PASSWORD: "swordfish", HOME: "/home/pbx" };

/** A folder with these files, gone when the test is. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), "sidetone-config-"));

  constructor(files: Readonly<Record<string, string | Buffer>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string | Buffer): string {
    const path = join(this.path, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  }

  get file(): string {
    return join(this.path, "sidetone.yaml");
  }

  load(env: Readonly<Record<string, string | undefined>> = ENV, known: Catalogue = catalogue): Config {
    return loadConfig(this.file, { catalogue: known, env });
  }

  /** What is wrong, line by line, with the folder's own path cut off. */
  faults(env: Readonly<Record<string, string | undefined>> = ENV, known: Catalogue = catalogue): string[] {
    try {
      this.load(env, known);
      return [];
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      return error.message.split("\n").map((line) => line.replaceAll(`${this.path}/`, ""));
    }
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** The faults of a sidetone.yaml beside a sound agent. */
export function serviceFaults(text: string | Buffer, env?: Readonly<Record<string, string | undefined>>): string[] {
  using folder = new Folder({ "sidetone.yaml": text, "agents/reception.yaml": SOUND_AGENT });
  return folder.faults(env);
}

/** The faults of an agent file beside a sound sidetone.yaml. */
export function agentFaults(text: string | Buffer, known: Catalogue = catalogue): string[] {
  using folder = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": text });
  return folder.faults(ENV, known);
}
