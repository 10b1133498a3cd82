import { systemClock } from "../base/clock.ts";
import { createLog } from "../base/log.ts";
import { catalogue } from "../config/catalogue.ts";
import type { AgentConfig, Config } from "../config/config.ts";
import { loadConfig, lookForConfigFile } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import { baseOf } from "../conversation/language.ts";
import type { TextToSpeech } from "../conversation/providers.ts";
import { providers } from "../providers/index.ts";
import type { ProviderModule, Stage } from "../providers/module.ts";
import { CommandError, EXIT } from "./exit.ts";

/** A voice that is ready to speak. */
export interface Voice {
  readonly tts: TextToSpeech;
  readonly voice: string;
  readonly language: string;
}

/** The voice of the default agent; flite's own where there is no configuration yet, as at the installation. */
export async function openVoice(asked: {
  config?: string;
  provider?: string;
  voice?: string;
  language?: string;
}): Promise<Voice> {
  const file = lookForConfigFile(asked.config);
  const context = { clock: systemClock, log: createLog({ level: "warn", pretty: true }) };
  if (file === undefined) {
    const { flite } = providers.tts;
    mustKnow(flite, asked.language);
    const tts = flite.create(flite.schema.parse({}), context);
    return { tts, voice: asked.voice ?? "", language: asked.language ?? "en" };
  }
  const config = loadConfig(file, { catalogue, env: process.env });
  const agent = speakerOf(config.agents[config.defaultAgent], asked.language);
  const name = asked.provider ?? agent?.choices.tts[0] ?? "";
  const configured = config.providers.tts[name];
  if (!configured) throw new CommandError(unknownProvider(name, config));
  mustKnow(configured.module, asked.language);
  const tts = configured.module.create(configured.options, { ...context, name }) as TextToSpeech;
  return { tts, voice: asked.voice ?? agent?.voice ?? "", language: asked.language ?? agent?.language ?? "en" };
}

/** An agent of several languages has a voice for each. */
function speakerOf(agent: AgentConfig | undefined, language: string | undefined): AgentConfig | undefined {
  if (agent === undefined || language === undefined) return agent;
  const all = [agent, ...agent.variants];
  return (
    all.find((one) => one.language === language) ??
    all.find((one) => baseOf(one.language) === baseOf(language)) ??
    agent
  );
}

/** Asked for by name, a language that comes out as noise is no result. */
function mustKnow(
  { name, languages }: Pick<ProviderModule<Stage>, "name" | "languages">,
  language: string | undefined,
): void {
  if (language === undefined || languages === undefined || languages.includes(baseOf(language))) return;
  const problem = `--language: ${name} knows ${languages.join(", ")} only, not "${language}". Name another voice with --provider.`;
  throw new CommandError(problem, EXIT.usage);
}

function unknownProvider(name: string, config: Config): string {
  const known = Object.keys(config.providers.tts);
  const likely = nearest(name, known);
  return `--provider: found "${name}"; expected one of ${known.join(", ")}${likely ? `. Did you mean "${likely}"?` : ""}`;
}
