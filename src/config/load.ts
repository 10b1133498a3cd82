import { existsSync } from "node:fs";
import { availableParallelism } from "node:os";
import { basename, dirname, extname, join, resolve } from "node:path";
import { readAgent } from "./agents.ts";
import type { AgentConfig, Catalogue, Config } from "./config.ts";
import { ConfigError, type Fault } from "./fault.ts";
import { disk, type Files, whyUnreadable } from "./files.ts";
import { folderFor } from "./folders.ts";
import { faultsOf, valueAt } from "./issues.ts";
import { valkeyIn } from "./journal.ts";
import { checkHours, readHours } from "./load-hours.ts";
import { nearest } from "./nearest.ts";
import { configureProviders } from "./provider-blocks.ts";
import { type ServiceSettings, serviceSchema, WORKERS_MAX } from "./schema.ts";
import { resolveSecrets } from "./secrets.ts";
import { readYamlFile, type YamlFile } from "./yaml-file.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** More agent files than this is a wrong folder. */
const AGENT_FILES_MAX = 500;

export const DEFAULT_FILES = ["sidetone.yaml", "/etc/sidetone/sidetone.yaml"];

/** The file to read: the one that is asked for, else ./sidetone.yaml, else the system's. Undefined: there is none. */
export function lookForConfigFile(asked: string | undefined): string | undefined {
  const found = asked ?? DEFAULT_FILES.find((file) => existsSync(file));
  return found === undefined ? undefined : resolve(found);
}

/** The same, for whoever cannot do without. Throws a ConfigError that says where it was looked for. */
export function findConfigFile(asked: string | undefined): string {
  const found = lookForConfigFile(asked);
  if (found !== undefined) return found;
  const [here = "", system = ""] = DEFAULT_FILES;
  const problem = `there is no such file, and no ${system}; name one with --config`;
  throw new ConfigError([{ file: resolve(here), line: 1, column: 1, problem }]);
}

/** Reads sidetone.yaml and the agents beside it. Throws a ConfigError with every fault of every file. */
export function loadConfig(
  path: string,
  { catalogue, env, files = disk }: { catalogue: Catalogue; env: Env; files?: Files },
): Config {
  const faults: Fault[] = [];
  const warnings: Fault[] = [];
  const read = readYamlFile(path, files);
  faults.push(...read.faults);
  if (!read.file) throw new ConfigError(faults);

  const folder = dirname(path);
  const service = check(read.file, { catalogue, env, folder, faults, warnings });
  const providers = configureProviders(service.raw, read.file, catalogue, faults);
  const agentsFolder = resolve(folder, typeof service.raw.agents === "string" ? service.raw.agents : "agents");
  const names: (string | undefined)[] = [];
  const webhooks = Object.keys((service.raw.webhooks as object | null | undefined) ?? {});
  const agents = agentFiles(agentsFolder, { files, file: read.file, faults }).flatMap((file) => {
    const context = {
      catalogue,
      env,
      files,
      providers,
      faults,
      warnings,
      webhooks,
      limits: service.settings?.limits,
      tools: service.settings?.tools,
    };
    const stem = basename(file, extname(file));
    const agent = readAgent(file, stem, context);
    names.push(agent ? agent.name : nameIn(file, stem, files));
    return agent ? [agent] : [];
  });
  const byName = index(agents, faults);
  const hours = readHours(service.settings, read.file, { folder, files, faults });
  checkHours(service.settings, byName.agents, read.file, faults);
  const defaultAgent = chooseDefault(service.raw, names, read.file, faults);
  if (faults.length > 0 || !service.settings) throw new ConfigError(faults);
  const { settings } = service;
  const stateDir = settings.stateDir ? resolve(folder, settings.stateDir) : folderFor("state", env);
  return freeze({
    file: path,
    engines: Object.fromEntries(Object.entries(settings.engines).filter(([, block]) => block !== undefined)),
    agents: byName.agents,
    numbers: byName.numbers,
    defaultAgent,
    providers,
    tools: settings.tools,
    people: settings.people,
    hours,
    server: settings.server,
    limits: settings.limits,
    ladder: settings.ladder,
    ...(settings.turnModel && {
      turnModel: { ...settings.turnModel, file: resolve(folder, settings.turnModel.file) },
    }),
    webhooks: settings.webhooks,
    workers: settings.workers === "auto" ? Math.min(availableParallelism(), WORKERS_MAX) : settings.workers,
    supervisor: settings.supervisor,
    log: settings.log,
    records: {
      ...settings.records,
      dir: settings.records.dir ? resolve(folder, settings.records.dir) : join(stateDir, "records"),
    },
    journal: {
      ...settings.journal,
      dir: settings.journal.dir ? resolve(folder, settings.journal.dir) : join(stateDir, "journal"),
      ...(settings.journal.valkey && { valkey: valkeyIn(settings.journal.valkey, folder) }),
    },
    ...(settings.memory && { memory: settings.memory }),
    recording: {
      ...settings.recording,
      dir: settings.recording.dir ? resolve(folder, settings.recording.dir) : join(stateDir, "recordings"),
    },
    sounds: settings.sounds ? resolve(folder, settings.sounds) : join(stateDir, "sounds"),
    stateDir,
    cacheDir: settings.cacheDir ? resolve(folder, settings.cacheDir) : folderFor("cache", env),
    warnings,
  });
}

interface CheckContext {
  catalogue: Catalogue;
  env: Env;
  folder: string;
  faults: Fault[];
  warnings: Fault[];
}

function check(
  file: YamlFile,
  context: CheckContext,
): { settings: ServiceSettings | undefined; raw: Record<string, unknown> } {
  const schema = serviceSchema(context.catalogue.engines);
  const resolved = resolveSecrets(file, context);
  context.faults.push(...resolved.faults);
  context.warnings.push(...resolved.warnings);
  const parsed = schema.safeParse(resolved.value);
  if (!parsed.success) context.faults.push(...faultsOf(parsed.error.issues, file, schema));
  return { settings: parsed.data, raw: resolved.value as Record<string, unknown> };
}

function agentFiles(
  folder: string,
  { files, file, faults }: { files: Files; file: YamlFile; faults: Fault[] },
): string[] {
  const fault = (problem: string) =>
    faults.push({ file: file.path, ...file.placeOf(["agents"]), problem: `agents: ${problem}` });
  let names: string[];
  try {
    names = files.list(folder).filter((entry) => /\.ya?ml$/.test(entry) && !entry.startsWith("."));
  } catch (error) {
    fault(`the folder ${folder}: ${whyUnreadable(error).replace("file", "folder")}`);
    return [];
  }
  if (names.length === 0) fault(`the folder ${folder} holds no agent file (*.yaml)`);
  if (names.length > AGENT_FILES_MAX)
    fault(`the folder ${folder} holds ${names.length} agent files; the limit is ${AGENT_FILES_MAX}`);
  return names
    .sort()
    .slice(0, AGENT_FILES_MAX)
    .map((entry) => join(folder, entry));
}

function index(found: readonly AgentConfig[], faults: Fault[]) {
  const agents: Record<string, AgentConfig> = {};
  const numbers: Record<string, string> = {};
  for (const agent of found) {
    const fault = (problem: string) => faults.push({ file: agent.file, line: 1, column: 1, problem });
    const twin = agents[agent.name];
    if (twin) fault(`the agent "${agent.name}" is already in ${twin.file}`);
    agents[agent.name] = agent;
    for (const number of agent.numbers) {
      const other = numbers[number];
      if (other) fault(`the number ${number} is already answered by "${other}"`);
      numbers[number] = agent.name;
    }
  }
  return { agents, numbers };
}

/** The name of an agent whose file has faults, for whoever refers to it. Undefined: it cannot be known. */
function nameIn(path: string, stem: string, files: Files): string | undefined {
  const { file } = readYamlFile(path, files);
  if (!file) return undefined;
  const name = valueAt(file.value, ["name"]) ?? stem;
  return typeof name === "string" ? name : undefined;
}

/** Judged as soon as all names are known, whatever else is wrong: a fault that only follows from another one helps nobody. */
function chooseDefault(
  raw: Readonly<Record<string, unknown>>,
  found: readonly (string | undefined)[],
  file: YamlFile,
  faults: Fault[],
): string {
  const asked = raw.defaultAgent;
  const names = [...new Set(found.filter((name) => name !== undefined))];
  const [only] = names;
  if (typeof asked === "string" && names.includes(asked)) return asked;
  if (found.includes(undefined) || only === undefined) return "";
  if (asked === undefined && names.length === 1) return only;
  const place = file.placeOf(["defaultAgent"]);
  // What is no name at all, or stands under a misspelt key, was said already.
  const said =
    asked === undefined
      ? Object.keys(raw).some((key) => nearest(key, ["defaultAgent"]) !== undefined)
      : faults.some((one) => one.file === file.path && one.line === place.line && one.column === place.column);
  if (said) return "";
  const likely = typeof asked === "string" ? nearest(asked, names) : undefined;
  const problem = typeof asked === "string" ? `defaultAgent: found "${asked}"` : "defaultAgent is missing";
  const hint = likely ? `. Did you mean "${likely}"?` : "";
  faults.push({ file: file.path, ...place, problem: `${problem}; expected one of ${names.join(", ")}${hint}` });
  return "";
}

/** Modules and schemas are not ours to freeze; plain data is. */
function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return value;
  for (const [key, item] of Object.entries(value)) if (key !== "module") freeze(item);
  return Object.freeze(value);
}
