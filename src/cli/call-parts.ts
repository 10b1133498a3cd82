import type { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { createLog } from "../base/log.ts";
import { catalogue } from "../config/catalogue.ts";
import type { ProviderModule, Stage, StagePort } from "../providers/module.ts";
import { addCallCommand } from "./call.ts";

/** `sidetone call` with the parts it is made of: the caller speaks and hears by what runs with nothing. */
export function addCall(program: Command): void {
  const log = createLog({ level: "warn", pretty: true });
  const abort = new AbortController();
  process.once("SIGINT", () => abort.abort());
  const deps = {
    clock: systemClock,
    log,
    voice: async () => create("tts"),
    ear: async () => create("stt"),
    write: (text: string) => void process.stdout.write(text),
    complain: (text: string) => void process.stderr.write(text),
    signal: abort.signal,
  };
  addCallCommand(program, deps, (status) => {
    process.exitCode = status;
  });
  function create<S extends Exclude<Stage, "speech">>(stage: S): StagePort[S] {
    const found = catalogue.providers.find(
      (module) => module.stage === stage && module.name === catalogue.defaults[stage],
    );
    if (!found) throw new Error(`no provider serves ${stage}`);
    const module = found as unknown as ProviderModule<S>;
    return module.create(module.schema.parse({}), { clock: systemClock, log });
  }
}
