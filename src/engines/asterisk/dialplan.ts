import type { Targets } from "../context.ts";
import { bad, bearable, type Finding, good } from "../finding.ts";
import type { AmiClient } from "./ami.ts";
import type { AriClient } from "./ari.ts";

// Any number stands for all of them.
const WAY_IN = "sidetone-in,100,1";
const MENU = "sidetone-menu,s,1";
// These the dialplan knows by itself.
const OWN_NAMES = ["menu", "hangup", "voicemail"];

/**
 * Whether Asterisk has read the shipped files, by the manager interface: without a channel ARI answers every function with
 * nothing (22.10.1).
 */
export async function dialplanFindings(ami: Pick<AmiClient, "action">): Promise<Finding[]> {
  const ask = async (variable: string): Promise<string> =>
    (await ami.action("Getvar", { Variable: variable })).value ?? "";
  const [wayIn, menu] = await Promise.all([WAY_IN, MENU].map((place) => ask(`DIALPLAN_EXISTS(${place})`)));
  return [...contextFindings({ wayIn: wayIn ?? "", menu: menu ?? "" }), ...(await toneFindings(ask))];
}

/** "1": it is there; "0": it is not; empty: Asterisk does not know the question. */
function contextFindings({ wayIn, menu }: { wayIn: string; menu: string }): Finding[] {
  if (wayIn === "" || menu === "")
    return [
      bad(
        "Asterisk has not loaded func_dialplan.so: every call that the agent hands on ends in the menu.",
        "Load it: asterisk -rx 'module load func_dialplan.so'",
      ),
    ];
  const missing = [...(wayIn === "0" ? ["sidetone-in"] : []), ...(menu === "0" ? ["sidetone-menu"] : [])];
  if (missing.length === 0) return [good("The dialplan has sidetone-in and sidetone-menu.")];
  return [
    bad(
      `The dialplan has no context ${missing.join(" and no ")}: calls cannot be lent.`,
      "Write \"#include extensions.sidetone.conf\" at the end of extensions.conf, then: asterisk -rx 'dialplan reload'",
    ),
  ];
}

/** Looks into the file: the tones that are loaded cannot be asked for. */
async function toneFindings(ask: (variable: string) => Promise<string>): Promise<Finding[]> {
  const country = await ask("AST_CONFIG(indications.conf,general,country)");
  // An Asterisk without func_config.so, or without a country, says nothing.
  if (!/^[\w-]+$/.test(country)) return [];
  if ((await ask(`AST_CONFIG(indications.conf,${country},sidetone-wait)`)) !== "") return [];
  return [
    bearable(
      `indications.conf has no tone sidetone-wait in [${country}]: callers hear ringing once more before the agent's first word.`,
      `Write "[${country}](+)" and below it "#include indications.sidetone.conf" at the end of indications.conf, then: asterisk -rx 'module reload indications'`,
    ),
  ];
}

/** Targets that lead to the menu instead, because the dialplan's globals do not say what to dial. */
export async function targetFindings(ari: Pick<AriClient, "variable">, targets: Targets): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const [target, agents] of Object.entries(targets)) {
    if (OWN_NAMES.includes(target)) continue;
    const whose = `the agent${agents.length === 1 ? "" : "s"} ${agents.join(", ")}`;
    if (!/^[a-z0-9_]+$/.test(target)) {
      const what = `The dialplan takes no target's name like "${target}" (${whose}): such a transfer ends in the menu.`;
      findings.push(bearable(what, "Name it with small letters, digits and _ only."));
      continue;
    }
    const name = globalOf(target);
    if ((await ari.variable(name)) !== "") continue;
    findings.push(
      bearable(
        `The dialplan has no ${name}: when ${whose} transfers to "${target}" the caller is told that nobody is available.`,
        todoFor(name),
      ),
    );
  }
  return findings;
}

/** Where calls above the limits go, if it is no place that the dialplan knows: they would find nobody, and then the menu. */
export async function overflowFindings(ari: Pick<AriClient, "variable">, overflow: string): Promise<Finding[]> {
  if (OWN_NAMES.includes(overflow)) return [];
  const name = globalOf(overflow);
  if ((await ari.variable(name)) !== "") return [];
  const what = `The dialplan has no ${name}: a call above the limits, which limits.overflow sends to "${overflow}", is told that nobody is available.`;
  return [bearable(what, todoFor(name))];
}

const globalOf = (target: string): string => `SIDETONE_TARGET_${target.toUpperCase()}`;

const todoFor = (name: string): string =>
  `Write "${name} = PJSIP/…" into globals.sidetone.conf, then: asterisk -rx 'dialplan reload'`;
