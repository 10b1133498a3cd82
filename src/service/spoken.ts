import type { Agent } from "../conversation/agent.ts";
import type { ConversationProviders } from "../conversation/conversation-providers.ts";
import type { Filler } from "../conversation/filler.ts";
import type { LadderStep } from "../conversation/ladder.ts";
import { Tongue } from "../conversation/tongue.ts";
import type { StaffedAgent } from "./generation.ts";

/** Who talks with one caller: the agent in the language that is spoken now, where it has several. */
export interface Spoken {
  readonly agent: Agent;
  readonly providers: ConversationProviders;
  readonly filler: Pick<Filler, "words">;
  readonly tongue?: Tongue;
}

/** `told`: what the agent is told of this caller. */
export function spokenBy(
  { agent, filler, forCall, variants = [] }: StaffedAgent,
  onStep: (step: LadderStep) => void,
  told: (agent: Agent) => Agent = (one) => one,
): Spoken {
  const providers = forCall(onStep);
  // A model that hears and speaks itself does so in all languages.
  if (variants.length === 0 || providers.speech) return { agent: told(agent), providers, filler };
  const others = variants.map(({ forCall: of, ...variant }) => ({
    ...variant,
    agent: told(variant.agent),
    providers: of(onStep),
  }));
  const tongue = new Tongue([{ agent: told(agent), providers, filler }, ...others]);
  return { agent: tongue.agent, providers: tongue.providers, filler: tongue.filler, tongue };
}
