import type { Catalogue } from "./config.ts";
import { isSecretKey } from "./fault.ts";
import { agentSchema, serviceSchema } from "./schema.ts";
import { defOf, type Schema, unwrap } from "./walk.ts";

const HEAD = `# Configuration

<!-- Written by "npm run docs" from the schema. Do not edit: a test compares the two. -->

Sidetone reads \`sidetone.yaml\` and one file for each agent in the folder \`agents\` beside it. \`sidetone check\` says what is
wrong with them, with file, line and column, all at once. Keys that are not listed here are faults, not ignored.

\`systemctl reload sidetone\` (or SIGHUP) reads all of it again. A configuration with faults is refused and the old one stays in
force; calls that are up keep the one they began with. \`engines\`, \`server\`, \`supervisor\`, \`log\`, \`records\` and the folders take a restart.

Secrets (keys that end in \`password\`, \`secret\`, \`token\`, \`apiKey\`) do not belong into the file:

\`\`\`yaml
password: {env: ARI_PASSWORD}              # from the environment
password: {file: /etc/sidetone/ari}        # from a file that only Sidetone may read
password: {credential: ari}                # from systemd: LoadCredential=ari:/etc/sidetone/ari
\`\`\`
`;

/** docs/configuration.md: every key, what may stand there, what holds when it does not. */
export function configurationReference(catalogue: Catalogue): string {
  const parts = [HEAD, "## sidetone.yaml\n", table(serviceSchema(catalogue.engines))];
  parts.push("\n## agents/*.yaml\n", table(agentSchema(catalogue.script), catalogue.defaults));
  parts.push("\n## Providers\n", "Below `providers` in sidetone.yaml, `name: {type: …}` and these options.\n");
  for (const module of catalogue.providers) {
    parts.push(`\n### ${module.name} (${module.stage})\n`, table(module.schema));
  }
  return `${parts
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

/** `known`: what holds where a key at the top is left out, as far as the schema does not say it. */
function table(schema: Schema, known: Readonly<Record<string, string>> = {}): string {
  const rows = rowsOf([schema], "", 0, known);
  if (rows.length === 0) return "No options.\n";
  return ["| key | what may stand there | default | |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** Deeper than anybody nests a configuration: the walk ends even in a schema that holds itself. */
const DEPTH_MAX = 7;

type Shape = Readonly<Record<string, Schema>>;

const shapeOf = (schema: Schema): Shape => defOf(unwrap(schema).schema).shape ?? {};

/** The keys of a mapping; of one that has several forms, those of all of them, each with the forms that have it. */
function rowsOf(
  forms: readonly Schema[],
  prefix: string,
  depth: number,
  known: Readonly<Record<string, string>> = {},
): string[] {
  const shapes = forms.map(shapeOf);
  const keys = [...new Set(shapes.flatMap((shape) => Object.keys(shape)))];
  return keys.flatMap((key) => {
    const having = shapes.filter((shape) => shape[key]);
    const children = having.flatMap((shape) => shape[key] ?? []);
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const kinds = children.map((child) => kindOf(unwrap(child).schema));
    const kind = isSecretKey(key) ? "secret, see above" : [...new Set(kinds)].join(", ");
    const only = having.length < shapes.length ? onlyWith(having, shapes) : "";
    const told = [only, ...new Set(children.map(descriptionOf))].filter(Boolean).join(" ");
    const inner = depth < DEPTH_MAX ? children.map((child) => below(unwrap(child).schema)).find(Boolean) : undefined;
    return [
      `| \`${path}\` | ${kind} | ${defaultOf(key, { having, shapes }) || shownDefault(known[key])} | ${told} |`,
      ...(inner ? rowsOf(inner.forms, path + inner.suffix, depth + 1) : []),
    ];
  });
}

/** Empty where the key may be left out and nothing is said of what holds then. */
function defaultOf(key: string, { having, shapes }: { having: readonly Shape[]; shapes: readonly Shape[] }): string {
  const [child] = having.flatMap((shape) => shape[key] ?? []);
  if (!child) return "";
  const { optional, fallback } = unwrap(child);
  if (optional) return typeof fallback === "object" ? "" : shownDefault(fallback);
  const others = shapes.filter((shape) => !shape[key]);
  if (others.length === 0 || tagOf(shapes) !== undefined) return "**required**";
  return `**required**, or ${others.map(neededOf).join(", or ")}`;
}

const shownDefault = (value: unknown): string => (value === undefined ? "" : `\`${JSON.stringify(value)}\``);

const neededOf = (shape: Shape): string =>
  Object.entries(shape)
    .filter(([, child]) => !unwrap(child).optional)
    .map(([key]) => `\`${key}\``)
    .join(" and ");

/** The key whose value says which form of a mapping this is: `type`. */
const tagOf = (shapes: readonly Shape[]): string | undefined =>
  Object.keys(shapes[0] ?? {}).find((key) =>
    shapes.every((shape) => shape[key] && defOf(shape[key]).type === "literal"),
  );

function onlyWith(having: readonly Shape[], shapes: readonly Shape[]): string {
  const tag = tagOf(shapes);
  if (tag === undefined) return "";
  const values = having.flatMap((shape) => (shape[tag] ? (defOf(shape[tag]).values ?? []) : []));
  return `Only with ${values.map((value) => `\`${tag}: ${String(value)}\``).join(", ")}.`;
}

/** The mappings that hang below: a schema itself, a list's entries, a mapping's values, or several forms of one. */
function below(schema: Schema): { forms: readonly Schema[]; suffix: string } | undefined {
  const def = defOf(schema);
  const here = formsOf(schema);
  if (here.length > 0) return { forms: here, suffix: "" };
  const child = def.element ?? (def.type === "record" ? def.valueType : undefined);
  const forms = child ? formsOf(child) : [];
  return forms.length > 0 ? { forms, suffix: def.element ? "[]" : ".*" } : undefined;
}

function formsOf(schema: Schema): readonly Schema[] {
  const { schema: bare } = unwrap(schema);
  const def = defOf(bare);
  if (def.type === "union") return (def.options ?? []).flatMap(formsOf);
  return def.type === "object" ? [bare] : [];
}

function kindOf(schema: Schema): string {
  const def = defOf(schema);
  switch (def.type) {
    case "string":
      return "text";
    case "number":
      return rangeOf(schema);
    case "boolean":
      return "true, false";
    case "enum":
      return Object.values(def.entries ?? {})
        .map((value) => `\`${value}\``)
        .join(", ");
    case "literal":
      return (def.values ?? []).map((value) => `\`${String(value)}\``).join(", ");
    case "array":
      return def.element ? `list of ${kindOf(unwrap(def.element).schema)}` : "list";
    case "union":
      return [...new Set((def.options ?? []).map((option) => kindOf(unwrap(option).schema)))].join(", or ");
    case "record":
      return "mapping by name";
    default:
      return def.type === "object" ? "mapping" : "anything";
  }
}

interface Bounded {
  readonly minValue?: number | null;
  readonly maxValue?: number | null;
  readonly format?: string | null;
}

function rangeOf(schema: Schema): string {
  const { minValue, maxValue, format } = schema as Bounded;
  const kind = format === "safeint" || format === "int32" ? "whole number" : "number";
  const bounded = (value: number | null | undefined): value is number =>
    typeof value === "number" && Math.abs(value) < Number.MAX_SAFE_INTEGER;
  if (bounded(minValue) && bounded(maxValue)) return `${kind}, ${minValue} to ${maxValue}`;
  if (bounded(minValue)) return `${kind} from ${minValue}`;
  return bounded(maxValue) ? `${kind} up to ${maxValue}` : kind;
}

function descriptionOf(schema: Schema): string {
  for (let current: Schema | undefined = schema; current; current = defOf(current).innerType) {
    const { description } = current as { description?: string };
    if (description) return description.replaceAll("|", "\\|").replaceAll("\n", " ");
  }
  return "";
}
