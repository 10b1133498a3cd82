import type { Command } from "commander";
import { systemClock } from "../base/clock.ts";
import { sentenceOf } from "../base/errors.ts";
import { silentLog } from "../base/log.ts";
import { withDeadline } from "../base/signals.ts";
import { catalogue } from "../config/catalogue.ts";
import type { Config } from "../config/config.ts";
import { ConfigError, formatFault } from "../config/fault.ts";
import { findConfigFile, loadConfig } from "../config/load.ts";
import { engines } from "../engines/index.ts";
import { type Finding, finding, findingLine } from "./check/finding.ts";
import { checkJournal } from "./check/journal.ts";
import { checkOverrides } from "./check/overrides.ts";
import { checkPrompts } from "./check/prompt.ts";
import { checkProviders } from "./check/providers.ts";
import { checkRecording } from "./check/recording.ts";
import { checkSurroundings } from "./check/surroundings.ts";
import { checkTurnModel } from "./check/turn-model.ts";
import { EXIT, EXIT_HELP } from "./exit.ts";
import { configOption } from "./run.ts";

const HELP = `
Every line begins with ok, warn or fail. The exit code is 1 when one of them is fail.
It changes nothing, and may be run while calls are up.

Examples:
  sidetone check
  sidetone check --config /etc/sidetone/sidetone.yaml | grep -v ^ok
  sidetone check --json | jq '.findings[] | select(.level == "fail")'
${EXIT_HELP}`;

const ENGINE_MS = 15_000;

export function addCheckCommand(program: Command): void {
  program
    .command("check")
    .description("look whether everything is in place, and say what is not")
    .option("--json", "one JSON object: {ok, findings: [{level, about, what, todo}]}")
    .addOption(configOption())
    .addHelpText("after", HELP)
    .action(async ({ config, json }: { config?: string; json?: boolean }) => {
      const findings = await check(config);
      const ok = findings.every(({ level }) => level !== "fail");
      process.stdout.write(json ? `${JSON.stringify({ ok, findings })}\n` : findings.map(findingLine).join(""));
      process.exitCode = ok ? EXIT.fine : EXIT.fault;
    });
}

async function check(asked: string | undefined): Promise<Finding[]> {
  let file: string;
  let config: Config;
  try {
    file = findConfigFile(asked);
    config = loadConfig(file, { catalogue, env: process.env });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.faults.map((fault) => finding("fail", "config", formatFault(fault)));
  }
  const agents = Object.keys(config.agents);
  return [
    finding(
      "ok",
      "config",
      `${file}: ${agents.length === 1 ? "one agent" : `${agents.length} agents`} (${agents.join(", ")}).`,
    ),
    ...config.warnings.map((warning) => finding("warn", "config", formatFault(warning))),
    ...checkPrompts(config),
    ...checkOverrides(config),
    ...(await checkSurroundings(config)),
    ...(await checkJournal(config)),
    ...(await checkRecording(config)),
    ...(await checkProviders(config, systemClock)),
    ...(await checkTurnModel(config, systemClock)),
    ...(await checkEngines(config)),
  ];
}

async function checkEngines(config: Config): Promise<Finding[]> {
  const findings: Finding[] = [];
  const records = config.recording.mode !== "none";
  const targets = targetsOf(config);
  const { overflow } = config.limits;
  for (const [name, engine] of Object.entries(engines)) {
    const options = config.engines[name];
    if (options === undefined) continue;
    const inspect = (signal: AbortSignal) =>
      engine.inspect(options as never, { clock: systemClock, log: silentLog, signal, records, targets, overflow });
    try {
      const seen = await withDeadline(inspect, {
        clock: systemClock,
        ms: ENGINE_MS,
        message: `no answer within ${ENGINE_MS / 1000} s`,
      });
      findings.push(
        ...seen.map(({ ok, bearable, what, todo }) =>
          finding(ok ? "ok" : bearable ? "warn" : "fail", name, what, todo),
        ),
      );
    } catch (error) {
      findings.push(finding("fail", name, sentenceOf(error)));
    }
  }
  return findings;
}

/** Which agents may transfer to a target, by its name. */
function targetsOf({ agents }: Config): Record<string, string[]> {
  const targets: Record<string, string[]> = {};
  for (const agent of Object.values(agents)) {
    for (const target of new Set(agent.targets)) {
      targets[target] ??= [];
      targets[target].push(agent.name);
    }
  }
  return targets;
}
