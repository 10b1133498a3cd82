import { type AsteriskInstall, findAsterisk } from "./asterisk-install.ts";
import { cacheFolder, prepareAsteriskRoot } from "./asterisk-root.ts";
import type { PreparationOptions } from "./packages.ts";

export type { AsteriskInstall } from "./asterisk-install.ts";
export { type RunningAsterisk, startAsterisk } from "./asterisk-start.ts";

/**
 * An Asterisk to run for the demo and the tests: the machine's own where it lends calls by chan_websocket, else one
 * fetched once into `cacheDir` (default: the user's cache folder). An older one of the machine's own, which can lend
 * calls by AudioSocket only, is the last choice. Rejects with code "NOT_PREPARED" and one sentence on what to install.
 */
export async function prepareAsterisk(
  options: PreparationOptions & { readonly cacheDir?: string } = {},
): Promise<AsteriskInstall> {
  const own = await findAsterisk();
  if (own?.media === "websocket") return own;
  const cacheDir = options.cacheDir ?? cacheFolder();
  try {
    return await prepareAsteriskRoot(cacheDir, options);
  } catch (error) {
    if (options.signal?.aborted || own === undefined) throw error;
    options.progress?.(`using this machine's Asterisk ${own.version} with AudioSocket: no newer one could be fetched`);
    return own;
  }
}
