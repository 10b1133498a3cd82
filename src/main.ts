import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { Command } from "commander";
import { messageOf } from "./base/errors.ts";
import { version } from "./cli/about.ts";
import { CommandError, EXIT, EXIT_HELP } from "./cli/exit.ts";
import { ConfigError } from "./config/fault.ts";
import { folderFor } from "./config/folders.ts";

interface Entry {
  readonly name: string;
  readonly description: string;
  readonly hidden?: boolean;
  /** Only the command that is asked for is loaded: `--help` shall not wait for the libraries of all. */
  add(program: Command): Promise<void>;
}

const COMMANDS: readonly Entry[] = [
  {
    name: "run",
    description: "answer calls: start the service and watch over it",
    add: async (program) => (await import("./cli/run.ts")).addRunCommand(program),
  },
  {
    name: "check",
    description: "look whether everything is in place, and say what is not",
    add: async (program) => (await import("./cli/check.ts")).addCheckCommand(program),
  },
  {
    name: "calls",
    description: "show the calls that are up",
    add: async (program) => (await import("./cli/calls.ts")).addCallsCommand(program),
  },
  {
    name: "cdr",
    description: "list, show and export the records of calls",
    add: async (program) => (await import("./cli/cdr.ts")).addCdrCommand(program),
  },
  {
    name: "erase",
    description: "remove a caller from the records",
    add: async (program) => (await import("./cli/erase.ts")).addEraseCommand(program),
  },
  {
    name: "override",
    description: "open or close by hand, whatever the hours say",
    add: async (program) => (await import("./cli/override.ts")).addOverrideCommand(program),
  },
  {
    name: "call",
    description: "let the simulated caller call a PBX",
    add: async (program) => (await import("./cli/call-parts.ts")).addCall(program),
  },
  {
    name: "say",
    description: "speak a text, or make the prompts of the menu",
    add: async (program) => (await import("./cli/say.ts")).addSayCommand(program),
  },
  {
    name: "demo",
    description: "a real call through a real Asterisk, on this machine",
    add: async (program) => (await import("./cli/demo/demo.ts")).addDemoCommand(program),
  },
  {
    name: "chaos",
    description: "kill, stop and starve the service under simulated callers, and say what they heard",
    add: async (program) => (await import("./cli/chaos/chaos.ts")).addChaosCommand(program),
  },
  {
    name: "models",
    description: "list, fetch and verify the recommended local models",
    add: async (program) => (await import("./cli/models.ts")).addModelsCommand(program),
  },
  {
    name: "docs",
    description: "write the reference of the configuration",
    add: async (program) => (await import("./cli/docs.ts")).addDocsCommand(program),
  },
  {
    name: "worker",
    description: "what `run` starts; not for people",
    hidden: true,
    async add(program) {
      const { runWorker } = await import("./service/worker.ts");
      program
        .command("worker", { hidden: true })
        .requiredOption("-c, --config <file>", "the configuration")
        .action(({ config }: { config: string }) => runWorker(config));
    },
  },
];

const HELP = `
Examples:
  sidetone check                     is everything in place?
  sidetone run                       answer calls
  sidetone calls --follow            watch them
  sidetone demo                      see and hear it without a PBX of your own
${EXIT_HELP}

"sidetone <command> --help" says more.`;

// From the second time on a command is there sooner.
enableCompileCache(process.env.NODE_COMPILE_CACHE ?? join(folderFor("cache", process.env), "compiled"));

const program = new Command("sidetone")
  .description("Voice agents beside the Asterisk or FreeSWITCH that is already there.")
  .version(version)
  .showSuggestionAfterError()
  .helpCommand(false)
  .addHelpText("after", HELP)
  .exitOverride((error) => {
    // Commander has said it already; wrong usage has a code of its own.
    process.exit(error.exitCode === 0 ? EXIT.fine : EXIT.usage);
  });

const asked = process.argv.slice(2).find((argument) => !argument.startsWith("-"));
for (const { name, description, hidden = false, add } of COMMANDS) {
  if (name === asked) await add(program);
  else if (!hidden) program.command(name).description(description);
}
// A reader that closes early, as `head` does, is no fault of ours; who has something to clean up does so as on SIGTERM.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") process.exit(EXIT.fault);
  if (!process.emit("SIGTERM", "SIGTERM")) process.exit(EXIT.fine);
});

try {
  await program.parseAsync();
} catch (error) {
  const expected = error instanceof CommandError || error instanceof ConfigError;
  process.stderr.write(`${expected || !(error instanceof Error) ? messageOf(error) : `sidetone: ${error.message}`}\n`);
  process.exitCode = error instanceof CommandError ? error.exitCode : EXIT.fault;
}
