import { createRequire } from "node:module";
import { messageOf } from "../../base/errors.ts";
import { checkFolder, FolderError, type Manifest, readManifest } from "./manifest.ts";
import type { FromChild, Placed, Start, ToChild } from "./talk.ts";

export interface Loaded<Settings> {
  /** The library, as `require` gives it. */
  readonly library: unknown;
  readonly folder: string;
  readonly manifest: Manifest;
  readonly settings: Settings;
}

/**
 * The child's side: checks the folder, loads library and model, and gives everything that is asked to what `make` returns. To be
 * called once, when the script begins.
 */
export function serve<Settings, Ask extends Placed, Answer extends Placed>(
  make: (loaded: Loaded<Settings>, tell: (answer: Answer) => void) => (ask: Ask) => void,
): void {
  const tell = (message: FromChild<Answer>): void => {
    process.send?.(message);
  };
  const waiting: Ask[] = [];
  let take = (ask: Ask): void => void waiting.push(ask);
  const begin = async (start: Start<Settings>): Promise<void> => {
    const { folder, settings } = start;
    const manifest = start.manifest ?? readManifest(folder);
    const trusted = await checkFolder(folder, manifest, start.trusted);
    const library = load(start.library);
    take = make({ library, folder, manifest, settings }, (answer) => tell({ type: "answer", answer }));
    tell({ type: "ready", trusted });
    for (const ask of waiting.splice(0)) take(ask);
  };
  process.on("message", (message: ToChild<Settings, Ask>) => {
    if (message.type === "ping") tell({ type: "pong" });
    else if (message.type === "ask") take(message.ask);
    else begin(message).catch((error: unknown) => tell({ type: "missing", message: messageOf(error) }));
  });
  // Nobody is left to work for.
  process.on("disconnect", () => process.exit(0));
  // A Ctrl-C in the terminal goes to the whole group; the parent decides when the child ends.
  process.on("SIGINT", () => {});
}

function load(library: string): unknown {
  try {
    // Optional, CommonJS and native: a static import would break the build on machines without it.
    return createRequire(import.meta.url)(library);
  } catch (error) {
    const why = messageOf(error).split("\n")[0];
    throw new FolderError(`${library} cannot be loaded (${why}); run: npm install sherpa-onnx-node`);
  }
}
