import type { Mutation } from "../service.ts";
import { Dialplan, SHIPPED } from "./dialplan.ts";

/** The shipped dialplan, with something left out. Undefined: it is whole. */
export function brokenFreeswitch(mutations: ReadonlySet<Mutation>): Dialplan | undefined {
  let text = SHIPPED;
  const without = (pattern: RegExp, instead = ""): void => {
    const next = text.replaceAll(pattern, instead);
    if (next === text) throw new Error(`the dialplan has no ${String(pattern)}`);
    text = next;
  };
  if (mutations.has("no attempt limit")) without(/\^1:\$/g, "^[0-9]+:$");
  if (mutations.has("no dead-man's timer")) {
    without(/<action application="sched_transfer"[^>]*>/g);
    without(/<action application="set" data="sidetone_deadman=[^>]*>/g);
  }
  if (mutations.has("the timer stays armed")) without(/<action application="sched_cancel"\/>/g);
  if (mutations.has("socket_resume stays on")) without(/<action application="unset" data="socket_resume"\/>/g);
  if (mutations.has("an untaken offer is a death")) {
    without(/<extension name="sidetone-untaken">[\s\S]*?<\/extension>/g);
    without(/<extension name="sidetone-nobody">[\s\S]*?<\/extension>/g);
  }
  return text === SHIPPED ? undefined : new Dialplan(text);
}
