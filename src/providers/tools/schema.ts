import { z } from "zod";
import { keySchema } from "../key.ts";
import { placesIn } from "./template.ts";

// Names of parameters stand in templates, and in what models write.
const NAME = /^[a-z][a-zA-Z0-9_]{0,39}$/;
/** What a template knows of the call without asking the model. */
const CALL_VALUES = ["call.from", "call.to", "call.id"];
const described = { description: z.string().max(300).describe("For the model.").default("") };
const optional = z.boolean().describe("May be left out.").default(false);

const parameter = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("string").describe("What it is. `token`: what stands for the digits of a secure collector."),
    ...described,
    optional,
    maxLength: z.int().min(1).max(4000).describe("In characters.").default(200),
    enum: z.array(z.string().max(200)).min(1).max(100).describe("Only one of these.").optional(),
  }),
  z.strictObject({
    type: z.enum(["number", "integer"]),
    ...described,
    optional,
    minimum: z.number().describe("Not below this.").optional(),
    maximum: z.number().describe("Not above this.").optional(),
  }),
  z.strictObject({ type: z.literal("boolean"), ...described, optional }),
  z.strictObject({
    type: z.literal("token"),
    ...described,
    collector: z
      .string()
      .max(32)
      .describe("The secure collector whose digits stand in its place in `headers` and `body`."),
  }),
]);

/** What every configured tool says of its time and size. */
export const bounds = {
  timeoutMs: z.int().min(100).max(60_000).describe("Then the model is told that it took too long.").default(8000),
  maxBytes: z.int().min(100).max(200_000).describe("A longer answer is refused.").default(16_384),
};

export const httpToolSchema = z
  .strictObject({
    type: z.literal("http").describe("`http`: a request. `mcp`: the tools of a Model Context Protocol server."),
    description: z.string().min(1).max(1000).describe("For the model: what it does and when to use it."),
    say: z.string().max(200).describe("Said before, where the model says nothing itself.").optional(),
    method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
    url: z
      .string()
      .max(2000)
      .regex(/^https?:\/\/[^/{}@?#\s]+(\/\S*)?$/, "an https address whose host is fixed, without a user in it")
      .describe(
        "`{order}` in path or query becomes the argument; `{call.from}`, `{call.to}` and `{call.id}` what the PBX says. No tokens: addresses stand in logs.",
      ),
    headers: z
      .record(z.string().regex(/^[A-Za-z0-9-]{1,64}$/), z.string().max(2000))
      .describe("Likewise.")
      .default({}),
    body: z.unknown().describe("What is sent as JSON, likewise in every text of it.").optional(),
    bearerToken: keySchema.describe("Sent as `Authorization: Bearer …`.").optional(),
    apiKey: keySchema.describe("Sent in `apiKeyHeader`.").optional(),
    apiKeyHeader: z
      .string()
      .regex(/^[A-Za-z0-9-]{1,64}$/)
      .default("X-Api-Key"),
    parameters: z
      .record(z.string().regex(NAME, "a name: letters, digits and _"), parameter)
      .describe("What the model gives: a name, and what it may be.")
      .default({}),
    repeatable: z
      .boolean()
      .describe(
        "It changes nothing, or nothing more the second time: where its worker dies while it runs, the next one runs it again. Others are not, and the model is told that nobody knows. Left out: as HTTP has it, yes for GET alone.",
      )
      .optional(),
    hosts: z
      .array(z.string().min(1).max(255))
      .max(20)
      .describe("Beside that of `url`: where a redirect may lead.")
      .default([]),
    private: z
      .boolean()
      .describe("Its host may be on this machine or in a private network, and be asked without TLS there.")
      .default(false),
    ...bounds,
  })
  .refine(({ url, private: near }) => near || url.startsWith("https:"), {
    path: ["url"],
    message: "https, unless `private` is true",
  })
  .superRefine(({ url, headers, body, parameters }, context) => {
    const fault = (path: string, name: string, why: string) =>
      context.addIssue({ code: "custom", path: [path], message: `no {${name}}: ${why}` });
    for (const [path, value] of Object.entries({ url, headers, body }))
      for (const name of placesIn(value)) {
        const token = parameters[name]?.type === "token";
        if (!Object.hasOwn(parameters, name) && !CALL_VALUES.includes(name))
          fault(path, name, "it is neither one of `parameters` nor of the call");
        else if (token && path === "url") fault(path, name, "a secret does not belong into an address");
      }
  });

export const mcpToolSchema = z
  .strictObject({
    type: z.literal("mcp"),
    command: z.string().min(1).max(1024).describe("A program that speaks MCP on standard input and output.").optional(),
    args: z.array(z.string().max(1024)).max(50).describe("Its arguments.").default([]),
    env: z
      .record(z.string().max(100), z.union([z.string().max(4000), keySchema]))
      .describe("Its environment, beside PATH, HOME and the like.")
      .default({}),
    url: z
      .url({ protocol: /^https?$/ })
      .max(2000)
      .describe("Or a server that speaks it over HTTP.")
      .optional(),
    bearerToken: keySchema.describe("Sent to it as `Authorization: Bearer …`.").optional(),
    tools: z
      .array(z.string().min(1).max(64))
      .min(1)
      .max(50)
      .describe("Those of its tools that agents may use; all others do not exist."),
    repeatable: z
      .array(z.string().min(1).max(64))
      .max(50)
      .describe(
        "Those of its tools that change nothing, or nothing more the second time; see `http`. Left out: what the server says of each (`readOnlyHint`, `idempotentHint`).",
      )
      .optional(),
    private: z.boolean().describe("The same as with `http`.").default(false),
    ...bounds,
  })
  .refine(({ command, url }) => (command === undefined) !== (url === undefined), {
    message: "either command or url",
  })
  .refine(({ url, private: near }) => url === undefined || near || url.startsWith("https:"), {
    path: ["url"],
    message: "https, unless `private` is true",
  });

/** The `tools:` block of sidetone.yaml, by name. */
export const toolSchema = z.discriminatedUnion("type", [httpToolSchema, mcpToolSchema]);

export type Parameter = z.output<typeof parameter>;
export type HttpToolSettings = z.output<typeof httpToolSchema>;
export type McpToolSettings = z.output<typeof mcpToolSchema>;
export type ToolSettings = z.output<typeof toolSchema>;
