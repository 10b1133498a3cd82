import type { AgentConfig, Config, ConfiguredProvider } from "../../config/config.ts";
import { voiceFor } from "../../conversation/ladder-voice.ts";
import { hintsOf, type Script } from "../../providers/llm/scripted/script.ts";

/** What an agent asks of a provider; agents that ask for the same share one. */
export interface Wish {
  readonly agents: string[];
  readonly language: string;
  readonly voice: string;
  readonly hints: readonly string[];
  /** It is these agents' first choice: calls go to it. */
  readonly serves: boolean;
}

/** What is asked of this provider, each thing once. */
export function wishesOf({ agents }: Config, { name, module }: ConfiguredProvider): Wish[] {
  const wishes = new Map<string, Wish>();
  for (const agent of Object.values(agents)) {
    const place = agent.choices[module.stage].indexOf(name);
    if (place < 0) continue;
    const serves = place === 0;
    const asked = askedOf(agent, module.stage, { name, first: serves });
    const key = JSON.stringify([asked, serves]);
    const wish = wishes.get(key) ?? { ...asked, serves, agents: [] };
    wish.agents.push(agent.name);
    wishes.set(key, wish);
  }
  return [...wishes.values()];
}

function askedOf(
  { language, voice, voices, script, keywords }: AgentConfig,
  stage: ConfiguredProvider["module"]["stage"],
  { name, first }: { name: string; first: boolean },
): Pick<Wish, "language" | "voice" | "hints"> {
  if (stage === "tts") return { language, voice: voiceFor(name, { voice, voices, first }), hints: [] };
  if (stage === "stt")
    return {
      ...{ language, voice: "" },
      hints: [...keywords, ...(script === undefined ? [] : hintsOf(script as Script, language))],
    };
  if (stage === "speech") return { language, voice: voices[name] ?? "", hints: [] };
  return { language: "", voice: "", hints: [] };
}
