const PLACE = /\{([\w.]+)\}/g;
const TOKEN = /^token-[a-z]+$/;
const FACTS_MAX = 50;
const FACT_MAX = 500;

type Values = ReadonlyMap<string, string>;

/** "{phone}" becomes the digits, spoken one by one; what stands for a secret is not said. */
export const fill = (text: string, values: Values): string =>
  text.replace(PLACE, (all, name: string) => {
    const value = values.get(name);
    if (value === undefined) return all;
    if (TOKEN.test(value)) return "";
    return /^\d+$/.test(value) ? value.split("").join(" ") : value;
  });

/** What a tool is given: values as they are. */
export const fillInput = (input: Readonly<Record<string, string>>, values: Values): Record<string, string> =>
  Object.fromEntries(
    Object.entries(input).map(([key, text]) => [
      key,
      text.replace(PLACE, (_all, name: string) => values.get(name) ?? ""),
    ]),
  );

/** What a tool's answer tells: itself, and the fields of an object. Undefined: it failed. */
export function factsOf(name: string, content: string): readonly (readonly [string, string])[] | undefined {
  if (/^(This failed|The tool |There is no such|This was not done)/.test(content)) return undefined;
  let told: unknown;
  try {
    told = JSON.parse(content);
  } catch {
    return [[name, content.slice(0, FACT_MAX)]];
  }
  if (typeof told !== "object" || told === null) return [[name, String(told).slice(0, FACT_MAX)]];
  const fields = Object.entries(told).filter(([, value]) => ["string", "number", "boolean"].includes(typeof value));
  const facts = fields
    .slice(0, FACTS_MAX)
    .map(([key, value]) => [`${name}.${key}`, String(value).slice(0, FACT_MAX)] as const);
  // A collector's answer has one field, and is that.
  const only = fields.length === 1 ? fields[0] : undefined;
  return only ? [...facts, [name, String(only[1]).slice(0, FACT_MAX)]] : facts;
}
