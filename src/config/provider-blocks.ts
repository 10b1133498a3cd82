import type { Stage } from "../providers/module.ts";
import { type Catalogue, type Config, type ConfiguredProvider, STAGES } from "./config.ts";
import type { Fault } from "./fault.ts";
import { faultsOf, name as pathName } from "./issues.ts";
import { nearest } from "./nearest.ts";
import type { YamlFile } from "./yaml-file.ts";

/**
 * The block `providers`: each entry is checked by the schema of its type. A provider whose options can all be left out
 * is there without mention, under its type's name.
 */
export function configureProviders(
  raw: Readonly<Record<string, unknown>>,
  file: YamlFile,
  catalogue: Catalogue,
  faults: Fault[],
): Config["providers"] {
  const stages: Record<Stage, Record<string, ConfiguredProvider>> = { vad: {}, stt: {}, llm: {}, tts: {}, speech: {} };
  for (const module of catalogue.providers) {
    const parsed = module.schema.safeParse({});
    if (parsed.success) stages[module.stage][module.name] = { name: module.name, module, options: parsed.data };
  }
  const blocks = raw.providers;
  if (!isMapping(blocks)) return stages;
  for (const [name, block] of Object.entries(blocks)) {
    const configured = isMapping(block) ? configure({ name, block, file, catalogue, faults }) : undefined;
    if (configured) stages[configured.module.stage][name] = configured;
  }
  return stages;
}

interface Block {
  name: string;
  block: Record<string, unknown>;
  file: YamlFile;
  catalogue: Catalogue;
  faults: Fault[];
}

function configure({ name, block, file, catalogue, faults }: Block): ConfiguredProvider | undefined {
  const { type, stage, ...options } = block;
  const fault = (key: string, problem: string) => {
    const path = ["providers", name, key];
    faults.push({ file: file.path, ...file.placeOf(path), problem: `${pathName(path)}: ${problem}` });
  };
  // A missing type is the main schema's to say.
  if (typeof type !== "string") return undefined;
  const ofType = catalogue.providers.filter((module) => module.name === type);
  if (ofType.length === 0) {
    const known = [...new Set(catalogue.providers.map((module) => module.name))];
    const likely = nearest(type, known);
    fault("type", `found "${type}"; expected one of ${known.join(", ")}${likely ? `. Did you mean "${likely}"?` : ""}`);
    return undefined;
  }
  const module = ofType.length === 1 && stage === undefined ? ofType[0] : ofType.find((one) => one.stage === stage);
  if (!module) {
    const has = ofType.map((one) => one.stage);
    const found = stage === undefined ? "missing" : `found "${String(stage)}"`;
    fault(
      "stage",
      `${found}; expected one of ${has.join(", ")}, because "${type}" serves ${STAGES.filter((one) => has.includes(one)).join(" and ")}`,
    );
    return undefined;
  }
  const parsed = module.schema.safeParse(options);
  if (parsed.success) return { name, module, options: parsed.data };
  faults.push(...faultsOf(parsed.error.issues, file, module.schema, ["providers", name]));
  return undefined;
}

const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
