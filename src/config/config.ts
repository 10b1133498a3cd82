import type { z } from "zod";
import type { Hours } from "../call/hours.ts";
import type { ProviderModule, Stage } from "../providers/module.ts";
import type { Fault } from "./fault.ts";
import type { AgentSettings, EngineSchemas, ServiceSettings } from "./schema.ts";

/** What can be configured: the registries, handed in so that a test can bring its own. */
export interface Catalogue {
  readonly engines: EngineSchemas;
  readonly providers: readonly ProviderModule<Stage>[];
  /** The schema of an agent's `script`. */
  readonly script: z.ZodType;
  /** Where a script transfers calls to: the names, and their places in it. */
  readonly targetsOf: (
    script: unknown,
  ) => readonly { readonly target: string; readonly path: readonly PropertyKey[] }[];
  /** Who serves a stage for an agent that names nobody. */
  readonly defaults: Readonly<Record<Exclude<Stage, "speech">, string>>;
}

export const STAGES: readonly Stage[] = ["vad", "stt", "llm", "tts", "speech"];

/** A provider as configured: its module, and options that its schema has accepted. */
export interface ConfiguredProvider {
  readonly name: string;
  readonly module: ProviderModule<Stage>;
  readonly options: unknown;
}

export type StageChoices = Readonly<Record<Stage, readonly string[]>>;

/** An agent file, checked and complete. `choices` holds the providers of each stage, best first. */
export interface AgentConfig extends Omit<AgentSettings, "name" | "limits" | "languages" | Stage> {
  readonly name: string;
  readonly file: string;
  readonly choices: StageChoices;
  readonly limits: CallLimits;
  /** The same agent in its other languages, each complete, and the key that asks for it. */
  readonly variants: readonly (AgentConfig & { readonly key?: string | undefined })[];
}

type ServiceLimit = "calls" | "callsPerWorker" | "overflow" | "callerPerMinute";
export type CallLimits = Omit<ServiceSettings["limits"], ServiceLimit>;

/** All that the service runs by. Deeply frozen: a reload makes a new one, and running calls keep theirs. */
export interface Config {
  readonly file: string;
  /** The accepted options of each engine that is configured. */
  readonly engines: Readonly<Record<string, unknown>>;
  readonly agents: Readonly<Record<string, AgentConfig>>;
  readonly defaultAgent: string;
  /** Which agent answers a called number. */
  readonly numbers: Readonly<Record<string, string>>;
  readonly providers: Readonly<Record<Stage, Readonly<Record<string, ConfiguredProvider>>>>;
  readonly tools: ServiceSettings["tools"];
  readonly people: ServiceSettings["people"];
  readonly hours: Readonly<Record<string, Hours>>;
  readonly server: ServiceSettings["server"];
  readonly limits: ServiceSettings["limits"];
  readonly ladder: ServiceSettings["ladder"];
  /** Its file is an absolute path. */
  readonly turnModel?: ServiceSettings["turnModel"];
  readonly webhooks: ServiceSettings["webhooks"];
  /** How many workers, where `auto` has become a number. */
  readonly workers: number;
  readonly supervisor: ServiceSettings["supervisor"];
  readonly log: ServiceSettings["log"];
  readonly records: ServiceSettings["records"] & { readonly dir: string };
  readonly journal: ServiceSettings["journal"] & { readonly dir: string };
  readonly memory?: ServiceSettings["memory"];
  readonly recording: ServiceSettings["recording"] & { readonly dir: string };
  /** Where the menu's prompts are. */
  readonly sounds: string;
  readonly stateDir: string;
  readonly cacheDir: string;
  readonly warnings: readonly Fault[];
}
