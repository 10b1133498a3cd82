import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { packageFolder } from "../base/package.ts";
import { catalogue } from "../config/catalogue.ts";
import { configurationReference } from "../config/reference.ts";

const HELP = `
Examples:
  sidetone docs                      writes docs/configuration.md of this installation
  sidetone docs --print | less       shows it`;

export function addDocsCommand(program: Command): void {
  program
    .command("docs")
    .description("write the reference of the configuration")
    .option("--print", "to standard output")
    .option("-o, --out <file>", "to this file")
    .addHelpText("after", HELP)
    .action(({ print, out }: { print?: boolean; out?: string }) => {
      const text = configurationReference(catalogue);
      if (print) {
        process.stdout.write(text);
        return;
      }
      const file = out ? resolve(out) : join(packageFolder, "docs", "configuration.md");
      writeFileSync(file, text);
      process.stdout.write(`${file}\n`);
    });
}
