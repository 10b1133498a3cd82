import type { z } from "zod";
import type { Path } from "./fault.ts";

/**
 * What zod's own definition objects look like, as far as we read them: enough to say which keys are allowed at a place,
 * and to write the reference page. Zod documents `def` for exactly this use.
 */
export interface SchemaDef {
  readonly type: string;
  readonly shape?: Readonly<Record<string, Schema>>;
  readonly innerType?: Schema;
  readonly element?: Schema;
  readonly valueType?: Schema;
  readonly keyType?: Schema;
  readonly options?: readonly Schema[];
  readonly in?: Schema;
  readonly out?: Schema;
  readonly getter?: () => Schema;
  readonly entries?: Readonly<Record<string, string | number>>;
  readonly values?: readonly unknown[];
  readonly defaultValue?: unknown;
}

export type Schema = z.core.$ZodType;

export const defOf = (schema: Schema): SchemaDef => schema._zod.def as unknown as SchemaDef;

const WRAPPERS = new Set(["optional", "default", "prefault", "nullable", "readonly", "catch", "nonoptional"]);

/** The schema beneath optional(), default() and the like, with what they said. */
export function unwrap(schema: Schema): { schema: Schema; optional: boolean; fallback: unknown } {
  let current = schema;
  let optional = false;
  let fallback: unknown;
  for (;;) {
    const def = defOf(current);
    if (def.type === "optional" || def.type === "default" || def.type === "prefault") optional = true;
    if (def.type === "default" || def.type === "prefault") fallback = def.defaultValue;
    if (WRAPPERS.has(def.type) && def.innerType) current = def.innerType;
    else if (def.type === "pipe" && def.in && def.out) current = defOf(def.in).type === "transform" ? def.out : def.in;
    else if (def.type === "lazy" && def.getter) current = def.getter();
    else return { schema: current, optional, fallback };
  }
}

/** All schemas that may stand at a path: several where the way leads through a union. */
export function schemasAt(root: Schema, path: Path): Schema[] {
  let here = alternatives(root);
  for (const part of path) here = here.flatMap((schema) => childOf(schema, part)).flatMap(alternatives);
  return here;
}

function alternatives(schema: Schema): Schema[] {
  const { schema: bare } = unwrap(schema);
  const def = defOf(bare);
  return def.type === "union" && def.options ? def.options.flatMap(alternatives) : [bare];
}

function childOf(schema: Schema, part: PropertyKey): Schema[] {
  const def = defOf(schema);
  const child = def.type === "object" ? def.shape?.[String(part)] : (def.element ?? def.valueType);
  return child ? [child] : [];
}

/** The keys that an object schema at this path knows. */
export function keysAt(root: Schema, path: Path): string[] {
  return [...new Set(schemasAt(root, path).flatMap((schema) => Object.keys(defOf(schema).shape ?? {})))];
}
