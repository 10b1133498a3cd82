import { systemClock } from "../base/clock.ts";
import { createLog } from "../base/log.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { loadConfig, lookForConfigFile } from "../config/load.ts";
import { nearest } from "../config/nearest.ts";
import type { TextToSpeech } from "../conversation/providers.ts";
import { providers } from "../providers/index.ts";
import { CommandError } from "./exit.ts";

/** A voice that is ready to speak. */
export interface Voice {
  readonly tts: TextToSpeech;
  readonly voice: string;
  readonly language: string;
}

/** The voice of the default agent; flite's own where there is no configuration yet, as at the installation. */
export async function openVoice(asked: { config?: string; provider?: string; voice?: string }): Promise<Voice> {
  const file = lookForConfigFile(asked.config);
  const context = { clock: systemClock, log: createLog({ level: "warn", pretty: true }) };
  if (file === undefined) {
    const { flite } = providers.tts;
    return { tts: flite.create(flite.schema.parse({}), context), voice: asked.voice ?? "", language: "en" };
  }
  const config = loadConfig(file, { catalogue, env: process.env });
  const agent = config.agents[config.defaultAgent];
  const name = asked.provider ?? agent?.choices.tts[0] ?? "";
  const configured = config.providers.tts[name];
  if (!configured) throw new CommandError(unknownProvider(name, config));
  const tts = configured.module.create(configured.options, context) as TextToSpeech;
  return { tts, voice: asked.voice ?? agent?.voice ?? "", language: agent?.language ?? "en" };
}

function unknownProvider(name: string, config: Config): string {
  const known = Object.keys(config.providers.tts);
  const likely = nearest(name, known);
  return `--provider: found "${name}"; expected one of ${known.join(", ")}${likely ? `. Did you mean "${likely}"?` : ""}`;
}
