import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../../../src/base/package.ts";
import { closing } from "../brackets.ts";

/** One application of an extension, with what it is given: variables are put in when it runs. */
export interface Action {
  readonly app: string;
  readonly data: string;
}

/** The channel for which an extension is looked up. */
export interface Lookup {
  variable(name: string): string;
  /** `${name(args)}` */
  call(name: string, args: string): string;
  /** An action with inline="true": it is done while the extension is looked up. */
  inline(action: Action): void;
}

interface Told extends Action {
  readonly inline: boolean;
}

interface Condition {
  readonly field: string;
  /** Undefined: always true. */
  readonly expression: RegExp | undefined;
  /** break="never": what follows is looked at all the same. */
  readonly goesOn: boolean;
  readonly actions: Told[];
  readonly antiActions: Told[];
}

export const SHIPPED = readFileSync(join(packageFolder, "freeswitch/dialplan/sidetone.xml"), "utf8");

const TAG = /<(\/?)(context|extension|condition|action|anti-action)\b((?:\s+[\w-]+="[^"]*")*)\s*\/?>/g;

/** The dialplan as it is shipped, read as mod_dialplan_xml reads it. It is the file itself that the model of a lent call walks through. */
export class Dialplan {
  readonly #extensions: Condition[][] = [];

  constructor(text: string = SHIPPED) {
    let condition: Condition | undefined;
    for (const [, end, tag = "", rest = ""] of text.replaceAll(/<!--[\s\S]*?-->/g, "").matchAll(TAG)) {
      const attributes = attributesOf(rest);
      if (end === "/") continue;
      if (tag === "extension") this.#extensions.push([]);
      else if (tag === "condition") {
        condition = conditionOf(attributes);
        this.#extensions.at(-1)?.push(condition);
      } else if (tag.endsWith("action")) {
        const { application: app = "", data = "", inline } = attributes;
        const list = tag === "action" ? condition?.actions : condition?.antiActions;
        list?.push({ app, data, inline: inline === "true" });
      }
    }
    if (this.#extensions.length === 0) throw new Error("no dialplan");
  }

  /** What an extension does. Its conditions are those of this moment; what stands in the actions' data is not. */
  find(destination: string, lookup: Lookup): readonly Action[] {
    const found: Action[] = [];
    for (const conditions of this.#extensions) if (matched(conditions, { destination, lookup, found })) break;
    return found;
  }
}

interface Finding {
  readonly destination: string;
  readonly lookup: Lookup;
  readonly found: Action[];
}

/** Whether this is the extension: its last condition decides, and a false one that says what to do then is as good as true. */
function matched(conditions: readonly Condition[], { destination, lookup, found }: Finding): boolean {
  let is = false;
  for (const { field, expression, goesOn, actions, antiActions } of conditions) {
    const value = field === "destination_number" ? destination : expanded(field, lookup);
    const match = expression ? expression.exec(value) : [];
    is = match !== null || antiActions.length > 0;
    for (const { app, data, inline } of match ? actions : antiActions) {
      const action = { app, data: data.replaceAll(/\$(\d)/g, (text, digit) => (match ? (match[digit] ?? "") : text)) };
      if (inline) lookup.inline(action);
      else found.push(action);
    }
    if (!match && !goesOn) break;
  }
  return is;
}

function conditionOf({ field = "", expression, break: broken = "on-false" }: Record<string, string>): Condition {
  if (broken !== "on-false" && broken !== "never") throw new Error(`the model knows no break="${broken}"`);
  const regular = expression === undefined ? undefined : new RegExp(expression);
  return { field, expression: regular, goesOn: broken === "never", actions: [], antiActions: [] };
}

const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };

function attributesOf(text: string): Record<string, string> {
  const all = text.matchAll(/([\w-]+)="([^"]*)"/g);
  const plain = (value: string): string => value.replaceAll(/&(\w+);/g, (_, name: string) => ENTITIES[name] ?? "");
  return Object.fromEntries([...all].map(([, name = "", value = ""]) => [name, plain(value)]));
}

/** Replaces every variable and function, from the inside out. */
export function expanded(text: string, lookup: Pick<Lookup, "variable" | "call">): string {
  if (!text.includes("${")) return text;
  let out = "";
  for (let at = 0; at < text.length; at++) {
    if (!text.startsWith("${", at)) {
      out += text[at];
      continue;
    }
    const end = closing(text, at + 2, ["{", "}"]);
    const inner = expanded(text.slice(at + 2, end), lookup);
    const [, name = "", args] = /^(\w+)\((.*)\)$/s.exec(inner) ?? [];
    out += args === undefined ? lookup.variable(inner) : lookup.call(name, args);
    at = end;
  }
  return out;
}
