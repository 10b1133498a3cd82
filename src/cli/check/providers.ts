import type { Clock } from "../../base/clock.ts";
import { sentenceOf } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import { type Config, type ConfiguredProvider, STAGES } from "../../config/config.ts";
import { ProviderError } from "../../conversation/providers.ts";
import { type Finding, finding } from "./finding.ts";
import { tryOnce } from "./try.ts";
import { type Wish, wishesOf } from "./wishes.ts";

const TRY_MS = 20_000;

/** Every provider that an agent uses: where its data goes, and whether the local ones work. */
export async function checkProviders(config: Config, clock: Clock): Promise<Finding[]> {
  const findings: Finding[] = [];
  const away: string[] = [];
  for (const used of usedProviders(config)) {
    const host = used.module.leavesHost(used.options as never);
    const about = `${used.name} (${used.module.stage})`;
    if (host !== undefined) {
      away.push(`${used.module.stage === "llm" ? "text" : "audio or text"} to ${host} by ${about}`);
      // Asking a provider elsewhere may cost money: that is for a call to do.
      findings.push(finding("ok", "provider", `${about} is configured.`));
      continue;
    }
    findings.push(...(await tryOut(used, { about, wishes: wishesOf(config, used), clock })));
  }
  const data =
    away.length === 0 ? "Nothing leaves this host: no audio, no text." : `What leaves this host: ${away.join("; ")}.`;
  findings.push(finding("ok", "data", data));
  return findings;
}

function usedProviders(config: Config): ConfiguredProvider[] {
  const used = new Set<ConfiguredProvider>();
  for (const { choices } of Object.values(config.agents)) {
    for (const stage of STAGES) {
      for (const name of choices[stage]) {
        const configured = config.providers[stage][name];
        if (configured) used.add(configured);
      }
    }
  }
  return [...used];
}

interface Trial {
  readonly about: string;
  readonly wishes: readonly Wish[];
  readonly clock: Clock;
}

async function tryOut(used: ConfiguredProvider, { about, wishes, clock }: Trial): Promise<Finding[]> {
  // A script is read with its agent's file, and has been.
  if (used.module.name === "scripted") return [finding("ok", "provider", `${about} needs nothing.`)];
  const startMs = clock.now();
  const findings: Finding[] = [];
  let readyMs: number | undefined;
  let provider: { close(): Promise<void> } | undefined;
  try {
    const made = used.module.create(used.options as never, { clock, log: silentLog });
    provider = made;
    for (const wish of wishes) {
      const attempt = (signal: AbortSignal) => tryOnce(used.module.stage, made, { wish, signal });
      findings.push(...strangeLanguage(used, about, wish));
      const message = `no answer within ${TRY_MS / 1000} s`;
      try {
        await withDeadline(attempt, { clock, ms: TRY_MS, message });
        readyMs ??= clock.now() - startMs;
      } catch (error) {
        // It is there, but not for these agents.
        if (!(error instanceof ProviderError) || error.code !== "refused") throw error;
        findings.push(unfit(used, about, wish, error));
      }
    }
  } catch (error) {
    return [...findings, finding("fail", "provider", `${about} does not work: ${sentenceOf(error)}`)];
  } finally {
    await provider?.close();
  }
  const works =
    readyMs === undefined ? [] : [finding("ok", "provider", `${about} works (ready after ${Math.round(readyMs)} ms).`)];
  return [...works, ...findings];
}

/** A fault where calls would need it, else a warning: only the first choice serves. */
function unfit({ module }: ConfiguredProvider, about: string, wish: Wish, error: ProviderError): Finding {
  const key = module.stage === "tts" ? "voice" : "language";
  const what = `${about} cannot serve ${whose(wish)}: ${sentenceOf(error)}`;
  return finding(
    wish.serves ? "fail" : "warn",
    "provider",
    what,
    `Change ${key} or ${module.stage} in the agent's file.`,
  );
}

function strangeLanguage({ module }: ConfiguredProvider, about: string, wish: Wish): Finding[] {
  const [language = ""] = wish.language.toLowerCase().split("-");
  if (module.languages === undefined || module.languages.includes(language)) return [];
  const what = `${about} knows ${module.languages.join(", ")} only, not the language "${wish.language}" of ${whose(wish)}: callers will hardly understand it.`;
  return [finding("warn", "provider", what, `Change language or ${module.stage} in the agent's file.`)];
}

const whose = ({ agents }: Wish): string => `the agent${agents.length === 1 ? "" : "s"} ${agents.join(", ")}`;
