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
  parts.push("\n## agents/*.yaml\n", table(agentSchema(catalogue.script)));
  parts.push("\n## Providers\n", "Below `providers` in sidetone.yaml, `name: {type: …}` and these options.\n");
  for (const module of catalogue.providers) {
    parts.push(`\n### ${module.name} (${module.stage})\n`, table(module.schema));
  }
  return `${parts
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .trimEnd()}\n`;
}

function table(schema: Schema): string {
  const rows = rowsOf(schema, "", 0);
  if (rows.length === 0) return "No options.\n";
  return ["| key | what may stand there | default | |", "|---|---|---|---|", ...rows, ""].join("\n");
}

/** Deeper than anybody nests a configuration: the walk ends even in a schema that holds itself. */
const DEPTH_MAX = 7;

function rowsOf(schema: Schema, prefix: string, depth: number): string[] {
  const shape = defOf(unwrap(schema).schema).shape ?? {};
  return Object.entries(shape).flatMap(([key, child]) => {
    const { schema: bare, optional, fallback } = unwrap(child);
    const path = prefix === "" ? key : `${prefix}.${key}`;
    const inner = depth < DEPTH_MAX ? below(bare) : undefined;
    const shown = fallback === undefined || typeof fallback === "object" ? "" : `\`${JSON.stringify(fallback)}\``;
    const row = `| \`${path}\` | ${isSecretKey(key) ? "secret, see above" : kindOf(bare)} | ${optional ? shown : "**required**"} | ${descriptionOf(child)} |`;
    return [row, ...(inner ? rowsOf(inner.schema, path + inner.suffix, depth + 1) : [])];
  });
}

/** The object that hangs below: itself, a list's entries, a mapping's values. */
function below(schema: Schema): { schema: Schema; suffix: string } | undefined {
  const def = defOf(schema);
  if (def.type === "object") return { schema, suffix: "" };
  const child = def.element ?? (def.type === "record" ? def.valueType : undefined);
  if (!child) return undefined;
  const { schema: bare } = unwrap(child);
  return defOf(bare).type === "object" ? { schema: bare, suffix: def.element ? "[]" : ".*" } : undefined;
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
