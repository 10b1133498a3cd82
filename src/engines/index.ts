import { createAsterisk } from "./asterisk/engine.ts";
import { inspect } from "./asterisk/inspect.ts";
import { asteriskOptions } from "./asterisk/options.ts";
import { createFreeswitch } from "./freeswitch/engine.ts";
import { inspect as inspectFreeswitch } from "./freeswitch/inspect.ts";
import { freeswitchOptions } from "./freeswitch/options.ts";

export type { EngineContext, InspectContext } from "./context.ts";
export type { Finding } from "./finding.ts";

/** Every engine there is, by the name that the configuration calls it: one line each. */
export const engines = {
  asterisk: { schema: asteriskOptions, create: createAsterisk, inspect },
  freeswitch: { schema: freeswitchOptions, create: createFreeswitch, inspect: inspectFreeswitch },
} as const;
