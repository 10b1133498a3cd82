/** The process that listens: libpocketsphinx is C, and a crash in it must cost an ear and no call. Started by ears.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../../base/errors.ts";
import { createDecoders } from "./decoder.ts";
import { loadSphinx } from "./library.ts";
import { Listenings } from "./listenings.ts";
import { MISSING_KOFFI, MISSING_MODEL, MISSING_PROGRAM } from "./missing.ts";
import type { FromEar, ToEar } from "./protocol.ts";

const tell = (message: FromEar): void => {
  process.send?.(message);
};

function start(folder: string): void {
  const missing = existsSync(join(folder, "en-us.lm.bin")) ? undefined : MISSING_MODEL;
  if (missing) {
    tell({ type: "missing", message: missing });
    return;
  }
  try {
    serve(new Listenings(createDecoders(loadSphinx(), folder), tell));
    tell({ type: "ready" });
  } catch (error) {
    const message = messageOf(error);
    tell({ type: "missing", message: /koffi/i.test(message) ? MISSING_KOFFI : `${MISSING_PROGRAM} (${message})` });
  }
}

function serve(listenings: Listenings): void {
  process.on("message", (message: ToEar) => {
    try {
      listenings.take(message);
    } catch (error) {
      tell({ type: "failed", hearing: message.hearing, message: messageOf(error) });
    }
  });
}

// Nobody is left to hear for.
process.on("disconnect", () => process.exit(0));
// A Ctrl-C in the terminal goes to the whole group; the parent decides when an ear closes.
process.on("SIGINT", () => {});
start(process.argv[2] ?? "");
