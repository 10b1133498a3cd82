import type { Mutation } from "../service.ts";
import { Dialplan, SHIPPED } from "./dialplan.ts";
import type { PbxFaults } from "./pbx.ts";

const LIMIT = ["Dial($", "{SIDETONE_VIA},"].join("");

/** What is broken of an Asterisk and of its dialplan. */
export function brokenAsterisk(mutations: ReadonlySet<Mutation>): PbxFaults {
  let text = SHIPPED;
  if (mutations.has("no attempt limit")) text = text.replace("SIDETONE_DIED} >= 2", "SIDETONE_DIED} >= 9");
  if (mutations.has("Dial without a limit")) text = text.replace(`${LIMIT}0.5,`, `${LIMIT}60,`);
  return { sharedMedia: mutations.has("two on one medium"), ...(text !== SHIPPED && { dialplan: new Dialplan(text) }) };
}
