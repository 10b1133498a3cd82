import { FRAME_MS, type Frame, samplesPerFrame } from "../../audio/frame.ts";
import type { Clock } from "../../base/clock.ts";
import { messageOf } from "../../base/errors.ts";
import { silentLog } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import { type Config, type ConfiguredProvider, STAGES } from "../../config/config.ts";
import type { StagePort } from "../../providers/module.ts";
import { type Finding, finding } from "./finding.ts";

const TRY_MS = 20_000;
const RATE = 8000;
const SILENCE: Frame = { pcm: new Int16Array(samplesPerFrame(RATE)), rate: RATE };

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
    findings.push(await tryOut(used, about, clock));
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

async function tryOut(used: ConfiguredProvider, about: string, clock: Clock): Promise<Finding> {
  // A script is read with its agent's file, and has been.
  if (used.module.name === "scripted") return finding("ok", "provider", `${about} needs nothing.`);
  const startMs = clock.now();
  let provider: { close(): Promise<void> } | undefined;
  try {
    const made = used.module.create(used.options as never, { clock, log: silentLog });
    provider = made;
    await withDeadline((signal) => use(used, made, signal), {
      clock,
      ms: TRY_MS,
      message: `no answer within ${TRY_MS / 1000} s`,
    });
    return finding("ok", "provider", `${about} works (first answer after ${Math.round(clock.now() - startMs)} ms).`);
  } catch (error) {
    return finding("fail", "provider", `${about} does not work: ${messageOf(error)}`);
  } finally {
    await provider?.close();
  }
}

async function use(
  { module }: ConfiguredProvider,
  made: { close(): Promise<void> },
  signal: AbortSignal,
): Promise<void> {
  switch (module.stage) {
    case "vad": {
      const detector = (made as StagePort["vad"]).open({ rate: RATE });
      detector.push(SILENCE);
      detector.close();
      return;
    }
    case "stt":
      return await listenOnce(made as StagePort["stt"], signal);
    case "tts": {
      const frames = (made as StagePort["tts"]).speak(oneWord(), { voice: "", rate: RATE, language: "en", signal });
      for await (const _frame of frames) return;
      throw new Error("it made no sound");
    }
    case "llm":
      return;
  }
}

async function listenOnce(ear: StagePort["stt"], outer: AbortSignal): Promise<void> {
  const abort = new AbortController();
  try {
    const hearing = ear.open({
      rate: RATE,
      language: "en",
      hints: ["hello"],
      signal: AbortSignal.any([outer, abort.signal]),
    });
    for (let ms = 0; ms < 400; ms += FRAME_MS) hearing.push(SILENCE);
    hearing.finish();
    for await (const { final } of hearing.transcripts) if (final) return;
    throw new Error("it ended without an answer");
  } finally {
    abort.abort();
  }
}

async function* oneWord(): AsyncGenerator<string> {
  yield "Hello.";
}
