export type Value = string | number | boolean;
export type Values = Readonly<Record<string, Value>>;

const PLACE = /\{([a-zA-Z][a-zA-Z0-9_.]*)\}/g;
const WHOLE = /^\{([a-zA-Z][a-zA-Z0-9_.]*)\}$/;

/** The names that stand in a text, or in all texts of a value. */
export function placesIn(value: unknown): string[] {
  if (typeof value === "string") return [...value.matchAll(PLACE)].map(([, name = ""]) => name);
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(placesIn);
}

const valueIn = (values: Values, name: string): Value | undefined =>
  Object.hasOwn(values, name) ? values[name] : undefined;

/** An address: every value is one part of a path or a query, whatever it holds. Undefined: one would be a step in the path. */
export function fillUrl(template: string, values: Values): string | undefined {
  let sound = true;
  const url = template.replace(PLACE, (_all, name: string) => {
    const text = String(valueIn(values, name) ?? "");
    if (/^\.{1,2}$/.test(text) || text.length > 1000) sound = false;
    return encodeURIComponent(text);
  });
  return sound ? url : undefined;
}

/** A header: no value can end it. */
export const fillHeader = (template: string, values: Values): string =>
  template.replace(PLACE, (_all, name: string) =>
    String(valueIn(values, name) ?? "").replace(/[^\x20-\x7e]/g, (letter) => encodeURIComponent(letter)),
  );

/** A body: a text that is nothing but a place keeps the value's type; what was not given is left out. */
export function fillBody(template: unknown, values: Values): unknown {
  if (typeof template === "string") {
    const [, only] = WHOLE.exec(template) ?? [];
    if (only !== undefined) return valueIn(values, only);
    return template.replace(PLACE, (_all, name: string) => String(valueIn(values, name) ?? ""));
  }
  if (Array.isArray(template)) return template.map((item) => fillBody(item, values) ?? null);
  if (typeof template !== "object" || template === null) return template;
  const filled = Object.entries(template).map(([key, item]) => [key, fillBody(item, values)]);
  return Object.fromEntries(filled.filter(([, item]) => item !== undefined));
}
