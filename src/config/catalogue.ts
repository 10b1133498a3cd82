import { engines } from "../engines/index.ts";
import { providers } from "../providers/index.ts";
import { type Script, scriptSchema, targetsOf } from "../providers/llm/scripted/script.ts";
import type { Catalogue } from "./config.ts";

/** All that this program can be configured to use. */
export const catalogue: Catalogue = {
  engines: Object.fromEntries(Object.entries(engines).map(([name, { schema }]) => [name, schema])),
  providers: Object.values(providers).flatMap((stage) => Object.values(stage)),
  script: scriptSchema,
  targetsOf: (script) => targetsOf(script as Script),
  // What runs with nothing: no key, no cloud, no model to fetch.
  defaults: { vad: "silero", stt: "pocketsphinx", llm: "scripted", tts: "flite" },
};
