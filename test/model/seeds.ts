import type { EngineName } from "./run.ts";

const ASTERISK: readonly number[] = [
  // Who calls was waited for in silence, for as long as ARI hung.
  272, 296, 406,
  // The dialplan could not be told what comes next, and another worker began to talk: two records, two agents.
  382, 457, 541, 544, 589, 949,
  // An agent went on with a call that was over, while ARI hung.
  786,
  // Something was done that the journal did not have yet, and then once more.
  8, 251, 1268, 2625, 3219,
  // An offer that was told twice, by the event and after a lost connection, ended the call's conversation and not its line.
  20897,
  // A call that came while the engine looked around after a lost connection was not in the list, and was taken for over: it stayed
  // lent, in silence. One of 150,000.
  169639,
  // What was written while the disk was at work was lost: a tool was run twice, whose worker was killed when it had just run.
  1179,
  1762, 4531, 7410, 9727,
];

const FREESWITCH: readonly number[] = [
  // Orders for timers were stuck on a call's connection, and came when FreeSWITCH had pulled the caller to the menu: two seconds
  // later he was pulled away from there.
  1718,
  2738, 3542, 3876,
];

/** Runs that once showed a fault of the product. Every run of the suite begins with them. */
export const SEEDS: Readonly<Record<EngineName, readonly number[]>> = { asterisk: ASTERISK, freeswitch: FREESWITCH };
