import { existsSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder that the package is in, from the sources as from dist/. Throws when the installation is not complete. */
export const packageFolder: string = (() => {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, "package.json"))) return folder;
    if (folder === dirname(folder)) throw new Error("package.json is missing: this installation is not complete");
  }
})();
