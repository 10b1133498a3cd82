import { isPlainName, VARIABLE } from "./variables.ts";

/** One lending of a call: each has a ticket of its own. */
export interface Lending {
  readonly uuid: string;
  /** Empty: the dialplan gives none. */
  readonly ticket: string;
}

/**
 * A command for a call that FreeSWITCH obeys only as long as the call is lent with this ticket. One that was on its way for long,
 * on a bad line, would meet a caller who is in the menu, with a human, or talking to another host's agent by then. `after` is
 * expanded as well: nothing in it may be anybody's own text.
 */
export function whileLent({ uuid, ticket }: Lending, before: string, after = ""): string {
  if (!isPlainName(ticket)) return `${before} ${uuid}${after}`;
  const whose = `\${cond(t\${variable_${VARIABLE.ticket}} == t${ticket} ? ${uuid} : none)}`;
  return `expand uuid:${uuid} ${before} ${whose}${after}`;
}
