import { dirname } from "node:path";
import type { Stage } from "../providers/module.ts";
import { type AgentConfig, type Catalogue, type Config, STAGES } from "./config.ts";
import type { Fault } from "./fault.ts";
import type { Files } from "./files.ts";
import { faultsOf, name as pathName } from "./issues.ts";
import { nearest } from "./nearest.ts";
import { type AgentSettings, agentSchema, type ServiceSettings } from "./schema.ts";
import { resolveSecrets } from "./secrets.ts";
import { readYamlFile, type YamlFile } from "./yaml-file.ts";

interface AgentContext {
  readonly catalogue: Catalogue;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly files: Files;
  readonly providers: Config["providers"];
  /** Absent while sidetone.yaml itself has faults: then nothing is returned, but this file's faults are told all the same. */
  readonly limits: ServiceSettings["limits"] | undefined;
  /** The names of the webhooks. */
  readonly webhooks: readonly string[];
  readonly tools: ServiceSettings["tools"] | undefined;
  readonly faults: Fault[];
  readonly warnings: Fault[];
}

/** One agent file, complete with what sidetone.yaml says for all. */
export function readAgent(path: string, stem: string, context: AgentContext): AgentConfig | undefined {
  const { faults, warnings, catalogue, limits } = context;
  const read = readYamlFile(path, context.files);
  faults.push(...read.faults);
  if (!read.file) return undefined;
  const resolved = resolveSecrets(read.file, { env: context.env, folder: dirname(path) });
  faults.push(...resolved.faults);
  warnings.push(...resolved.warnings);
  const schema = agentSchema(catalogue.script);
  const named = { name: stem, ...(resolved.value as object) };
  const parsed = schema.safeParse(named);
  if (!parsed.success) {
    faults.push(...faultsOf(parsed.error.issues, read.file, schema));
    return undefined;
  }
  const choices = chooseProviders(parsed.data, read.file, context);
  checkModel(parsed.data, choices, read.file, context);
  checkTargets(parsed.data, read.file, context);
  const { webhook } = parsed.data;
  const known = { path: ["webhook"], known: context.webhooks, list: "webhooks in sidetone.yaml" };
  if (webhook !== undefined) checkName(webhook, known, read.file, context);
  checkTools(parsed.data, read.file, context);
  const {
    vad: _vad,
    stt: _stt,
    llm: _llm,
    tts: _tts,
    speech: _speech,
    name = stem,
    limits: own,
    languages,
    ...rest
  } = parsed.data;
  if (!choices || !limits) return undefined;
  const { calls: _1, callsPerWorker: _2, overflow: _3, callerPerMinute: _4, ...common } = limits;
  const given = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const agent = { ...rest, name, file: path, choices, limits: { ...common, ...given }, variants: [] };
  const variants = Object.entries(languages).flatMap(([language, other]) => {
    const settings = variantOf(parsed.data, language, other);
    const chosen = chooseProviders(settings, read.file as YamlFile, context, ["languages", language]);
    const { key, stt: _ears, llm: _model, tts: _tongue, prompt = agent.prompt, script = agent.script, ...own } = other;
    if (chosen) return [{ ...agent, ...own, prompt, script, language, choices: chosen, key }];
    return [];
  });
  return { ...agent, variants };
}

/** Who serves an agent in another language: whom that names, else as in the first. */
const variantOf = (
  settings: AgentSettings,
  language: string,
  { stt = settings.stt, llm = settings.llm, tts = settings.tts }: AgentSettings["languages"][string],
): AgentSettings => ({ ...settings, language, stt, llm, tts });

function chooseProviders(
  settings: AgentSettings,
  file: YamlFile,
  context: AgentContext,
  within: readonly string[] = [],
): Record<Stage, readonly string[]> | undefined {
  const choices: Record<Stage, readonly string[]> = { vad: [], stt: [], llm: [], tts: [], speech: [] };
  let sound = true;
  for (const stage of STAGES) {
    // Nobody is asked to hear and speak at once who was not named.
    const asked = settings[stage] ?? (stage === "speech" ? [] : context.catalogue.defaults[stage]);
    const names = typeof asked === "string" ? [asked] : asked;
    for (const [index, name] of names.entries()) {
      if (Object.hasOwn(context.providers[stage], name)) continue;
      sound = false;
      const path = typeof settings[stage] === "string" || settings[stage] === undefined ? [stage] : [stage, index];
      const known = Object.keys(context.providers[stage]);
      const likely = nearest(name, known);
      const hint = likely ? `. Did you mean "${likely}"?` : "";
      const problem = `${pathName([...within, ...path])}: found "${name}"; expected ${known.length > 0 ? `one of ${known.join(", ")}` : `a configured provider for ${stage}, and there is none`}${hint}`;
      context.faults.push({ file: file.path, ...file.placeOf([...within, ...path]), problem });
    }
    choices[stage] = names;
  }
  return sound ? choices : undefined;
}

/** A scripted agent without a script would have nothing to say. */
function checkModel(
  settings: AgentSettings,
  choices: Record<Stage, readonly string[]> | undefined,
  file: YamlFile,
  context: AgentContext,
): void {
  const scripted = choices?.llm.some((name) => context.providers.llm[name]?.module.name === "scripted") ?? false;
  if (!scripted || settings.script !== undefined) return;
  const problem = "script is missing; this agent answers by its script, unless llm names a language model";
  context.faults.push({ file: file.path, ...file.placeOf([]), problem });
}

/** A transfer to a name that the agent may not use would only be found out by a caller. */
function checkTargets(settings: AgentSettings, file: YamlFile, context: AgentContext): void {
  const { script, targets, human, collectors } = settings;
  const named: { target: string; path: readonly PropertyKey[] }[] = [];
  if (script !== undefined)
    for (const { target, path } of context.catalogue.targetsOf(script))
      named.push({ target, path: ["script", ...path] });
  if (typeof human === "string") named.push({ target: human, path: ["human"] });
  for (const [name, { otherwise }] of Object.entries(collectors))
    if (typeof otherwise === "object")
      named.push({ target: otherwise.transfer, path: ["collectors", name, "otherwise", "transfer"] });
  for (const { target, path } of named) checkName(target, { path, known: targets, list: "targets" }, file, context);
}

/** Tools that sidetone.yaml has; and in their templates, what they and this agent have. */
function checkTools({ tools }: AgentSettings, file: YamlFile, context: AgentContext): void {
  if (!context.tools) return;
  const known = Object.keys(context.tools);
  for (const [index, name] of tools.entries())
    checkName(name, { path: ["tools", index], known, list: "the tools of sidetone.yaml" }, file, context);
}

/** A name that must stand in a list of names: of targets, of collectors. */
function checkName(
  found: string,
  { path, known, list }: { path: readonly PropertyKey[]; known: readonly string[]; list: string },
  file: YamlFile,
  { faults }: AgentContext,
): void {
  if (known.includes(found)) return;
  const likely = nearest(found, known);
  const allowed =
    known.length > 0 ? `one of ${list}: ${known.join(", ")}` : `a name that stands in ${list}, which is empty`;
  const problem = `${pathName(path)}: found "${found}"; expected ${allowed}${likely ? `. Did you mean "${likely}"?` : ""}`;
  faults.push({ file: file.path, ...file.placeOf(path), problem });
}
