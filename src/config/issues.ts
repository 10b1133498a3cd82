import type { z } from "zod";
import { type Fault, isSecretKey, type Path } from "./fault.ts";
import { nearest } from "./nearest.ts";
import { defOf, keysAt, type Schema, schemasAt, unwrap } from "./walk.ts";
import type { YamlFile } from "./yaml-file.ts";

const SHOWN_MAX = 40;

/** Zod's issues as faults with their places. `root` is the schema that refused, `base` where its value stands in the file. */
export function faultsOf(issues: readonly z.core.$ZodIssue[], file: YamlFile, root: Schema, base: Path = []): Fault[] {
  // A key that was misspelt is not missing as well.
  const meant = new Set(issues.flatMap((issue) => likelyKeys(issue, root).map((key) => name([...issue.path, key]))));
  const missing = (issue: z.core.$ZodIssue) =>
    issue.code !== "unrecognized_keys" && valueAt(file.value, [...base, ...issue.path]) === undefined;
  // Nor is a mapping with an unknown key judged as a whole.
  const unknown = new Set(issues.filter(({ code }) => code === "unrecognized_keys").map(({ path }) => name(path)));
  return issues
    .filter((issue) => !(missing(issue) && meant.has(name(issue.path))))
    .filter((issue) => !(issue.code === "custom" && unknown.has(name(issue.path))))
    .flatMap((issue) => faultOf(issue, file, root, base));
}

function likelyKeys(issue: z.core.$ZodIssue, root: Schema): string[] {
  if (issue.code !== "unrecognized_keys") return [];
  const known = keysAt(root, issue.path);
  return issue.keys.map((key) => nearest(key, known)).filter((key) => key !== undefined);
}

function faultOf(issue: z.core.$ZodIssue, file: YamlFile, root: Schema, base: Path): Fault[] {
  const path = [...base, ...issue.path];
  const at = (place: { line: number; column: number }, problem: string): Fault => ({
    file: file.path,
    ...place,
    problem,
  });
  if (issue.code === "unrecognized_keys") {
    const known = knownKeys(root, issue.path, valueAt(file.value, path));
    return issue.keys.map((key) => at(file.placeOfKey([...path, key]), strangeKey([...path, key], key, known)));
  }
  if (issue.code === "invalid_union") {
    const branch = meantBranch(issue.errors, valueAt(file.value, path));
    if (branch) {
      const inner = branch.map((one) => ({ ...one, path: [...issue.path, ...one.path] }) as z.core.$ZodIssue);
      return faultsOf(inner, file, root, base);
    }
  }
  if (issue.code === "invalid_key") {
    const why = issue.issues[0]?.message ?? "";
    return [at(file.placeOfKey(path), `${name(path)}: "${String(path.at(-1))}" cannot be a name here: ${why}`)];
  }
  const value = valueAt(file.value, path);
  const wanted = expected(issue, root);
  if (value === undefined && issue.code !== "custom") {
    return [at(file.placeOf(path), `${name(path)} is missing; expected ${wanted}`)];
  }
  const found = show(value, path);
  const likely = typeof value === "string" ? nearest(value, allowedOf(issue, root)) : undefined;
  const hint = likely === undefined ? "" : `. Did you mean "${likely}"?`;
  return [at(file.placeOf(path), `${name(path)}: found ${found}; expected ${wanted}${hint}`)];
}

export function unknownKey(path: Path, key: string, known: readonly string[]): string {
  const likely = nearest(key, known);
  const above = path.slice(0, -1);
  const where = above.length === 0 ? "at the top" : `in ${name(above)}`;
  const allowed = known.length > 0 ? `; allowed here: ${known.join(", ")}` : "; nothing is allowed here";
  return `unknown key "${key}" ${where}${allowed}${likely === undefined ? "" : `. Did you mean "${likely}"?`}`;
}

/** A key that another form of the same mapping has is no unknown one: the two forms were mixed. */
function strangeKey(path: Path, key: string, known: readonly string[]): string {
  if (!known.includes(key)) return unknownKey(path, key, known);
  const others = known.filter((other) => other !== key);
  return `${name(path)} cannot stand beside ${others.join(", ")}; expected one of ${known.join(", ")}`;
}

/** The keys of those forms of a mapping that its literal values (`type: digits`) leave possible. */
function knownKeys(root: Schema, path: Path, value: unknown): string[] {
  const forms = schemasAt(root, path).map((schema) => defOf(schema).shape ?? {});
  const possible = forms.filter((shape) =>
    Object.entries(shape).every(([key, schema]) => {
      const given = valueAt(value, [key]);
      const { values } = defOf(schema);
      return given === undefined || values === undefined || values.includes(given);
    }),
  );
  return [...new Set((possible.length > 0 ? possible : forms).flatMap((shape) => Object.keys(shape)))];
}

/**
 * Of a union's branches the one that was meant: the one that came furthest, and of those the one with the fewest faults.
 * What it misses beside an unknown key is no fault: with that key another branch may have been meant. Undefined: none
 * was, and all of them are what is expected.
 */
function meantBranch(
  errors: readonly (readonly z.core.$ZodIssue[])[],
  value: unknown,
): readonly z.core.$ZodIssue[] | undefined {
  const depth = (branch: readonly z.core.$ZodIssue[]) =>
    Math.max(0, ...branch.map((issue) => issue.path.length + (issue.code === "unrecognized_keys" ? 1 : 0)));
  const count = (branch: readonly z.core.$ZodIssue[]) =>
    branch.reduce((sum, issue) => sum + (issue.code === "unrecognized_keys" ? issue.keys.length : 1), 0);
  const missing = (issue: z.core.$ZodIssue) =>
    issue.code !== "unrecognized_keys" && valueAt(value, issue.path) === undefined;
  const [branch] = [...errors].sort((a, b) => depth(b) - depth(a) || count(a) - count(b));
  if (!branch || depth(branch) === 0) return undefined;
  if (errors.length > 1 && errors.every((one) => one.every((issue) => issue.path.length < 2 && missing(issue))))
    return undefined;
  const strange = new Set(branch.filter(({ code }) => code === "unrecognized_keys").map(({ path }) => name(path)));
  return branch.filter((issue) => !(missing(issue) && strange.has(name(issue.path.slice(0, -1)))));
}

function expected(issue: z.core.$ZodIssue, root: Schema): string {
  switch (issue.code) {
    case "invalid_type":
      return kind(issue.expected);
    case "invalid_value":
      return choice(issue.values.map(String));
    case "too_small":
      return limit(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return limit(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    case "invalid_union": {
      const allowed = allowedOf(issue, root);
      const schemas = schemasAt(root, issue.path);
      const kinds = schemas
        .filter((schema) => literalsOf(schema).length === 0)
        .map((schema) => kindOf(schema, schemas));
      return (
        [...new Set([...(allowed.length > 0 ? [choice(allowed)] : []), ...kinds])].join(" or ") || "something else"
      );
    }
    default:
      return issue.message;
  }
}

const choice = (values: readonly string[]): string =>
  values.length > 1 ? `one of ${values.join(", ")}` : values.join();

/** The words that may stand where one of a few was expected. */
const allowedOf = (issue: z.core.$ZodIssue, root: Schema): string[] =>
  issue.code === "invalid_value"
    ? issue.values.map(String)
    : issue.code === "invalid_union"
      ? [...new Set(schemasAt(root, issue.path).flatMap(literalsOf))]
      : [];

function literalsOf(schema: Schema): string[] {
  const { values, entries } = defOf(schema);
  return (values ?? Object.values(entries ?? {})).map(String);
}

/** Where several mappings are possible, each is named by the keys that it must have. */
function kindOf(schema: Schema, beside: readonly Schema[]): string {
  const { type, shape } = defOf(schema);
  const mappings = beside.filter((other) => defOf(other).type === "object");
  const needed = Object.keys(shape ?? {}).filter((key) => shape?.[key] && !unwrap(shape[key]).optional);
  return type === "object" && mappings.length > 1 && needed.length > 0
    ? `a mapping with ${needed.join(", ")}`
    : kind(type);
}

function limit(origin: string, bound: string, value: number | bigint): string {
  if (origin === "string") return `text of ${bound} ${value} characters`;
  if (origin === "array" || origin === "set") return `a list of ${bound} ${value} entries`;
  if (origin === "object" || origin === "record") return `${bound} ${value} keys`;
  return `${bound} ${value}`;
}

const KINDS: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "a mapping (key: value)",
  record: "a mapping (name: value)",
};
const kind = (type: string): string => KINDS[type] ?? type;

/** A path as one writes it: engines.asterisk.ari, agents[2]. */
export const name = (path: Path): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text === "" ? String(part) : `${text}.${String(part)}`,
    "",
  );

function show(value: unknown, path: Path): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  if (typeof value === "object") return "a mapping";
  // What looks like a secret is never repeated, not even a wrong one: it may be a right one at the wrong place.
  if (path.some((part) => isSecretKey(String(part)))) return typeof value === "string" ? "text" : `a ${typeof value}`;
  const text = String(value);
  const cut = text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}…` : text;
  return typeof value === "string" ? `"${cut.replaceAll("\n", " ")}"` : cut;
}

export function valueAt(root: unknown, path: Path): unknown {
  let value = root;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}
