import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../../../src/base/package.ts";
import { closing } from "../brackets.ts";
import { evaluated } from "./expression.ts";

/** One line of a dialplan. */
export interface Step {
  readonly label: string;
  readonly app: string;
  readonly args: string;
}

export interface Place {
  readonly context: string;
  readonly exten: string;
  /** Counted from 1. */
  readonly priority: number;
}

interface Exten {
  readonly name: string;
  readonly pattern: RegExp | undefined;
  readonly steps: Step[];
}

/** What a channel knows: its variables, and the functions of which the dialplan asks. */
export interface Lookup {
  variable(name: string): string;
  call(name: string, args: string): string;
}

export const SHIPPED = readFileSync(join(packageFolder, "asterisk/extensions.sidetone.conf"), "utf8");

/** The dialplan as it is shipped, read as Asterisk reads it. It is the file itself that the model of a lent call walks through. */
export class Dialplan {
  readonly #contexts = new Map<string, Exten[]>();

  constructor(text: string = SHIPPED) {
    let context: Exten[] = [];
    let exten: Exten | undefined;
    for (const line of text.split("\n")) {
      const [, name] = /^\[([\w-]+)\]/.exec(line) ?? [];
      if (name !== undefined) {
        context = [];
        this.#contexts.set(name, context);
      }
      const [, word = "", rest = ""] = /^\s*(exten|same)\s*=>\s*(.*)$/.exec(line) ?? [];
      if (word === "exten") {
        // A pattern's brackets may hold what elsewhere ends it.
        const [, named = ""] = /^((?:\[[^\]]*\]|[^,[])*),/.exec(rest) ?? [];
        exten = { name: named, pattern: patternOf(named), steps: [] };
        context.push(exten);
        exten.steps.push(stepOf(rest.slice(named.length + 1)));
      } else if (word === "same") exten?.steps.push(stepOf(rest));
    }
  }

  find(context: string, exten: string): readonly Step[] | undefined {
    const extens = this.#contexts.get(context) ?? [];
    const found =
      extens.find(({ name, pattern }) => !pattern && name === exten) ??
      extens.find(({ pattern }) => pattern?.test(exten));
    return found?.steps;
  }

  /** Where "label", "5", "exten,1" or "context,exten,1" leads from here. */
  target(text: string, from: Place): Place {
    const parts = text.split(",").map((part) => part.trim());
    const [where = ""] = parts.slice(-1);
    const exten = parts.at(-2) ?? from.exten;
    const context = parts.at(-3) ?? from.context;
    const labelled = (this.find(context, exten) ?? []).findIndex(({ label }) => label === where);
    return { context, exten, priority: labelled >= 0 ? labelled + 1 : Number(where) };
  }
}

function patternOf(name: string): RegExp | undefined {
  if (!name.startsWith("_")) return undefined;
  const text = name
    .slice(1)
    .replaceAll(/\[[^\]]*\]|[!.XZN]/g, (part) => (part === "!" ? ".*" : part === "." ? ".+" : part));
  return new RegExp(`^${text}$`);
}

function stepOf(text: string): Step {
  const [, label = "", app = "", args = ""] = /^(?:\d+|n)(?:\((\w+)\))?,\s*(\w+)(?:\((.*)\))?\s*$/.exec(text) ?? [];
  if (app === "") throw new Error(`no line of a dialplan: ${text}`);
  return { label, app, args };
}

/** Replaces every variable, function and expression, from the inside out. */
export function expanded(text: string, lookup: Lookup): string {
  let out = "";
  for (let at = 0; at < text.length; at++) {
    const pair = text.startsWith("${", at)
      ? (["{", "}"] as const)
      : text.startsWith("$[", at)
        ? (["[", "]"] as const)
        : undefined;
    if (!pair) {
      out += text[at];
      continue;
    }
    const end = closing(text, at + 2, pair);
    const inner = expanded(text.slice(at + 2, end), lookup);
    out += pair[0] === "[" ? evaluated(inner) : named(inner, lookup);
    at = end;
  }
  return out;
}

function named(text: string, lookup: Lookup): string {
  const [, name = "", args] = /^(\w+)\((.*)\)$/s.exec(text) ?? [];
  if (args !== undefined) return lookup.call(name, args);
  const [plain = "", offset, length] = text.split(":");
  const value = lookup.variable(plain);
  if (offset === undefined) return value;
  const from = Number(offset);
  const cut = from < 0 ? value.slice(from) : value.slice(from);
  if (length === undefined) return cut;
  return Number(length) < 0 ? cut.slice(0, Number(length)) : cut.slice(0, Number(length));
}
