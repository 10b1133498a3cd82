import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { messageOf } from "../base/errors.ts";
import { type Http, openHttp } from "../providers/http.ts";
import { CommandError, EXIT, EXIT_HELP } from "./exit.ts";
import { LOCAL_MODELS, type LocalModel, type ModelFile } from "./models/catalogue.ts";
import { fetchFile } from "./models/fetch.ts";
import { type FileState, verifyFile } from "./models/verify.ts";

const HELP = `
Nothing is ever fetched but by "fetch". Without a network: put the files that "verify" misses where it says.

Examples:
  sidetone models list
  sidetone models fetch zipformer-en-20m --dir /var/lib/sidetone/models
  sidetone models verify --dir /var/lib/sidetone/models
${EXIT_HELP}`;

const CONNECT_MS = 10_000;

interface DirOption {
  readonly dir?: string;
}

/** What the commands need of the world; a test brings its own. */
export interface ModelsParts {
  readonly models: readonly LocalModel[];
  readonly write: (text: string) => void;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly openHttp: () => Http;
}

export function addModelsCommand(
  program: Command,
  parts: ModelsParts = {
    models: LOCAL_MODELS,
    write: (text) => void process.stdout.write(text),
    env: process.env,
    openHttp: () => openHttp({ connectMs: CONNECT_MS }),
  },
): void {
  const models = program
    .command("models")
    .description("list, fetch and verify the recommended local models")
    .addHelpText("after", HELP);
  const withFolder = (command: Command): Command =>
    command.option(
      "--dir <folder>",
      "where the models are (default: $STATE_DIRECTORY/models, else ~/.local/state/sidetone/models)",
    );
  withFolder(models.command("list").description("what there is, what it needs, and what of it is here")).action(
    (options: DirOption) => list(parts, options),
  );
  withFolder(
    models.command("fetch").description("fetch a model, and verify it").argument("<name>", "as `list` says it"),
  ).action((name: string, options: DirOption) => fetch(parts, name, options));
  withFolder(
    models
      .command("verify")
      .description("compare size and sha256")
      .argument("[name]", "one model; default: all that are here"),
  ).action((name: string | undefined, options: DirOption) => verify(parts, name, options));
}

async function list(parts: ModelsParts, options: DirOption): Promise<void> {
  const dir = folderOf(parts, options);
  for (const model of parts.models) {
    const states = await statesOf(model, dir);
    const here = states.filter(({ state }) => state.state !== "missing").length;
    const state =
      here === 0 ? "not here" : here < model.files.length ? `${here} of ${model.files.length} files here` : "here";
    parts.write(`${model.name}  (${state})\n`);
    parts.write(`  ${model.what}\n  licence: ${model.licence}; needs ${model.needs}\n`);
    for (const file of model.files) parts.write(`  ${file.name}  ${sizeOf(file)}  sha256 ${file.sha256 ?? UNKNOWN}\n`);
  }
  parts.write(`\nFolder: ${dir}\n`);
}

async function fetch(parts: ModelsParts, name: string, options: DirOption): Promise<void> {
  const model = modelOf(parts, name);
  const dir = folderOf(parts, options);
  parts.write(`${model.name}: licence ${model.licence}\n`);
  const http = parts.openHttp();
  const failed: ModelFile[] = [];
  let why = "";
  try {
    for (const { file, path, state } of await statesOf(model, dir)) {
      if (state.state === "sound" || state.state === "unknown") {
        parts.write(`  ${file.name}: is here\n`);
        continue;
      }
      try {
        await fetchFile(path, file, { http, signal: AbortSignal.timeout(FETCH_MS) });
        parts.write(`  ${file.name}: fetched and verified\n`);
      } catch (error) {
        failed.push(file);
        why = reasonOf(error);
        parts.write(`  ${file.name}: not fetched: ${why}\n`);
      }
    }
  } finally {
    await http.close();
  }
  if (failed.length === 0) return;
  const files = failed.map(({ url }) => `  ${url}`).join("\n");
  throw new CommandError(
    `${failed.length} of ${model.files.length} files are missing. Bring them by other means from\n${files}\nto ${join(dir, model.name)}, and run: sidetone models verify ${model.name} --dir ${dir}`,
  );
}

// An hour: 64 MB over the slowest line that a PBX stands at.
const FETCH_MS = 3_600_000;

async function verify(parts: ModelsParts, name: string | undefined, options: DirOption): Promise<void> {
  const dir = folderOf(parts, options);
  const asked = name === undefined ? parts.models : [modelOf(parts, name)];
  let faults = 0;
  let shown = 0;
  for (const model of asked) {
    const states = await statesOf(model, dir);
    if (name === undefined && states.every(({ state }) => state.state === "missing")) continue;
    shown += 1;
    parts.write(`${model.name}\n`);
    for (const { file, path, state } of states) {
      if (state.state === "missing" || state.state === "wrong") faults += 1;
      parts.write(`  ${file.name}: ${told(state, { file, path })}\n`);
    }
  }
  if (shown === 0) parts.write(`No model is in ${dir}. "sidetone models list" shows which there are.\n`);
  if (faults > 0) throw new CommandError(`${faults} ${faults === 1 ? "file is" : "files are"} missing or wrong.`);
}

function told(state: FileState, { file, path }: { file: ModelFile; path: string }): string {
  switch (state.state) {
    case "sound":
      return `sound (${state.sizeBytes} bytes)`;
    case "unknown":
      return `${state.sizeBytes} bytes, sha256 ${state.sha256}; what it should be is not known here`;
    case "wrong":
      return state.problem;
    case "missing":
      return `missing; it belongs to ${path}, and is at ${file.url}`;
  }
}

const statesOf = (model: LocalModel, dir: string) =>
  Promise.all(
    model.files.map(async (file) => {
      const path = join(dir, model.name, file.name);
      return { file, path, state: await verifyFile(path, file) };
    }),
  );

function modelOf({ models }: ModelsParts, name: string): LocalModel {
  const found = models.find((model) => model.name === name);
  if (found) return found;
  throw new CommandError(
    `There is no model "${name}"; expected one of ${models.map((model) => model.name).join(", ")}.`,
    EXIT.usage,
  );
}

/** Where the service keeps its state, systemd's own folder first. */
function folderOf({ env }: ModelsParts, { dir }: DirOption): string {
  if (dir !== undefined) return resolve(dir);
  return join(env.STATE_DIRECTORY ?? join(homedir(), ".local/state/sidetone"), "models");
}

const UNKNOWN = "unknown: verify prints what it found";

const sizeOf = ({ sizeBytes }: ModelFile): string =>
  sizeBytes === undefined ? "size unknown" : `${sizeBytes} bytes (${(sizeBytes / 1_000_000).toFixed(1)} MB)`;

/** Libraries hide why below their own words. */
function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause) || messageOf(error);
}
