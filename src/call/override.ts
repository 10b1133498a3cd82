import { z } from "zod";

/** Somebody has opened or closed by hand, whatever the hours say. */
export interface Override {
  readonly state: "open" | "closed";
  /** Milliseconds since 1970; null: until it is taken back. */
  readonly until: number | null;
  readonly since: number;
  /** Where it came from: "command", or "telephone" for the feature code. */
  readonly by: string;
}

const override: z.ZodType<Override> = z.object({
  state: z.enum(["open", "closed"]),
  until: z.number().nullable(),
  since: z.number(),
  by: z.string().max(32),
});

const overrides = z.object({ all: override.optional(), agents: z.record(z.string().max(64), override) });

/** All of them: for everybody, and for single agents. */
export type Overrides = z.output<typeof overrides>;

export const noOverrides: Overrides = { agents: {} };

/** What a file says; undefined: it says none. */
export function parseOverrides(text: string): Overrides | undefined {
  try {
    return overrides.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The one in force; an agent's own goes before everybody's. Undefined agent: whom nobody but everybody's concerns. */
export function overrideFor(
  { all, agents }: Overrides,
  agent: string | undefined,
  wallMs: number,
): Override | undefined {
  const own = agent !== undefined && Object.hasOwn(agents, agent) ? agents[agent] : undefined;
  return [own, all].find((one) => inForce(one, wallMs));
}

const inForce = (one: Override | undefined, wallMs: number): one is Override =>
  one !== undefined && (one.until === null || wallMs < one.until);

/** With one more, or without one (`undefined`), and without those whose time is over. */
export function withOverride(
  before: Overrides,
  agent: string | undefined,
  value: Override | undefined,
  wallMs: number,
): Overrides {
  const agents = Object.entries(before.agents).filter(([name, one]) => name !== agent && inForce(one, wallMs));
  if (agent !== undefined && value) agents.push([agent, value]);
  const all = agent === undefined ? value : before.all;
  return { ...(inForce(all, wallMs) && { all }), agents: Object.fromEntries(agents) };
}

/** In an administrator's words. */
function overrideSentence(name: string | undefined, { state, until, since, by }: Override): string {
  const what = state === "open" ? "open" : "closed";
  const whom = name === undefined ? "All agents are" : `The agent ${name} is`;
  const end = until === null ? "until it is taken back" : `until ${new Date(until).toISOString()}`;
  return `${whom} ${what} by hand ${end} (by ${by}, since ${new Date(since).toISOString()}).`;
}

/** All in force, one sentence each. */
export function overrideSentences({ all, agents }: Overrides, wallMs: number): string[] {
  const own = Object.entries(agents).filter(([, one]) => inForce(one, wallMs));
  return [
    ...(inForce(all, wallMs) ? [overrideSentence(undefined, all)] : []),
    ...own.map(([name, one]) => overrideSentence(name, one)),
  ];
}
