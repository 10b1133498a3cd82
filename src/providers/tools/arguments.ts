import type { ToolDefinition } from "../../conversation/providers.ts";
import type { Parameter } from "./schema.ts";
import type { Value } from "./template.ts";

type Parameters = Readonly<Record<string, Parameter>>;

const TOKEN_MAX = 64;

/** What a model is told of the parameters. */
export function jsonSchemaOf(parameters: Parameters): ToolDefinition["parameters"] {
  const required = Object.entries(parameters).filter(([, one]) => one.type === "token" || !one.optional);
  return {
    type: "object",
    properties: Object.fromEntries(Object.entries(parameters).map(([name, one]) => [name, propertyOf(one)])),
    required: required.map(([name]) => name),
    additionalProperties: false,
  };
}

function propertyOf(parameter: Parameter): object {
  const { description } = parameter;
  const said = description === "" ? {} : { description };
  switch (parameter.type) {
    case "string":
      return {
        type: "string",
        ...said,
        maxLength: parameter.maxLength,
        ...(parameter.enum && { enum: parameter.enum }),
      };
    case "number":
    case "integer": {
      const { type, minimum, maximum } = parameter;
      return { type, ...said, ...(minimum !== undefined && { minimum }), ...(maximum !== undefined && { maximum }) };
    }
    case "boolean":
      return { type: "boolean", ...said };
    case "token":
      return {
        type: "string",
        description: `${description} The token that collect_digits gave for "${parameter.collector}".`.trim(),
      };
  }
}

/** The arguments that a model gave, or, in words for the model, what is wrong with them. */
export function argumentsOf(
  input: Readonly<Record<string, unknown>>,
  parameters: Parameters,
): { values: Readonly<Record<string, Value>> } | { fault: string } {
  const values: Record<string, Value> = {};
  const strange = Object.keys(input).find((name) => !Object.hasOwn(parameters, name));
  if (strange !== undefined) return { fault: `there is no parameter "${strange.slice(0, 40)}"` };
  for (const [name, parameter] of Object.entries(parameters)) {
    const given = input[name];
    if (given === undefined || given === null) {
      if (parameter.type === "token" || !parameter.optional) return { fault: `${name} is missing` };
      continue;
    }
    const value = readingOf(given, parameter);
    if (value === undefined)
      return { fault: `${name} is not what it must be: ${JSON.stringify(propertyOf(parameter))}` };
    values[name] = value;
  }
  return { values };
}

function readingOf(given: unknown, parameter: Parameter): Value | undefined {
  switch (parameter.type) {
    case "string": {
      // Models write numbers where digits are wanted.
      const text = typeof given === "number" ? String(given) : given;
      if (typeof text !== "string" || text.length > parameter.maxLength || /\p{Cc}/u.test(text.replace(/[\n\t]/g, "")))
        return undefined;
      return parameter.enum && !parameter.enum.includes(text) ? undefined : text;
    }
    case "number":
    case "integer": {
      const number = typeof given === "string" && given.trim() !== "" ? Number(given) : given;
      if (typeof number !== "number" || !Number.isFinite(number)) return undefined;
      if (parameter.type === "integer" && !Number.isSafeInteger(number)) return undefined;
      const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = parameter;
      return number >= minimum && number <= maximum ? number : undefined;
    }
    case "boolean":
      return typeof given === "boolean" ? given : undefined;
    case "token":
      return typeof given === "string" && given.length <= TOKEN_MAX ? given : undefined;
  }
}
