import { codeOf } from "../../base/errors.ts";
import { withDeadline } from "../../base/signals.ts";
import type { Tool, ToolScope } from "../../conversation/tools.ts";
import { argumentsOf, jsonSchemaOf } from "./arguments.ts";
import type { ToolNetwork } from "./network.ts";
import { readText } from "./read.ts";
import type { HttpToolSettings } from "./schema.ts";
import { fillBody, fillHeader, fillUrl, type Value, type Values } from "./template.ts";

export interface HttpToolOptions {
  readonly name: string;
  readonly settings: HttpToolSettings;
  readonly network: ToolNetwork;
}

const REDIRECTS_MAX = 3;
/** The model hears of it in this tool's own words, before whoever runs tools gives it up. */
const GRACE_MS = 500;

const WORDS: Readonly<Record<string, string>> = {
  timeout: "it did not answer in time",
  forbidden: "this host may not be asked",
  ERR_ENCODING_INVALID_ENCODED_DATA: "the answer is no text",
};

/** Something went wrong that the model may know, and in these words. */
class Refusal extends Error {}

/** A request out of the configuration's template. Nothing of its arguments or of the answer is logged. */
export function httpTool({ name, settings, network }: HttpToolOptions, scope: ToolScope): Tool {
  const { description, parameters, timeoutMs, say, method } = settings;
  const { repeatable = method === "GET" } = settings;
  return {
    definition: { name, description, parameters: jsonSchemaOf(parameters) },
    ...(say !== undefined && { words: say }),
    timeoutMs: timeoutMs + GRACE_MS,
    repeatable,
    async run(input, signal) {
      const given = argumentsOf(input, parameters);
      if ("fault" in given) return { result: `This failed: ${given.fault}.` };
      const message = "took too long";
      try {
        const result = await withDeadline((within) => ask(given.values, { settings, network, scope }, within), {
          ...{ clock: scope.clock, ms: timeoutMs, message, signal },
        });
        return { result: scope.vault.redact(result) };
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof Refusal) return { result: `This failed: ${error.message}.` };
        const code = codeOf(error) || codeOf(error instanceof Error ? error.cause : undefined) || "failed";
        // Messages of the library may hold the address, and that the arguments.
        scope.log.warn({ tool: name, code }, "a tool's request failed");
        return { result: `This failed: ${WORDS[code] ?? "it cannot be reached"}.` };
      }
    },
  };
}

interface Asking {
  readonly settings: HttpToolSettings;
  readonly network: ToolNetwork;
  readonly scope: ToolScope;
}

async function ask(arguments_: Values, { settings, network, scope }: Asking, signal: AbortSignal): Promise<string> {
  const { leg } = scope;
  const known = { "call.from": leg?.from ?? "", "call.to": leg?.did || (leg?.to ?? ""), "call.id": leg?.id ?? "" };
  const values: Values = { ...arguments_, ...known };
  // Tokens stand for themselves in an address: what they are good for does not belong there.
  const url = fillUrl(settings.url, values);
  if (url === undefined) throw new Refusal("an argument cannot stand in the address");
  const secret = revealed(arguments_, settings, scope);
  const body =
    settings.body === undefined ? undefined : JSON.stringify(fillBody(settings.body, { ...values, ...secret }));
  const headers = headersOf(settings, { ...values, ...secret });
  const { method } = settings;
  const request = { method, headers, ...(body !== undefined && method !== "GET" && { body }) };
  const response = await follow(url, request, { settings, network }, signal);
  if (response.status >= 400) {
    await response.body?.cancel();
    throw new Refusal(`the server answered ${response.status}`);
  }
  return contentOf(await readText(response, settings.maxBytes, () => new Refusal("the answer is too long")), response);
}

/** What tokens stand for, for the body and the headers. */
function revealed(values: Values, { parameters }: HttpToolSettings, { vault }: ToolScope): Values {
  const secrets: Record<string, Value> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    if (parameter.type !== "token") continue;
    const digits = vault.reveal(String(values[name]), parameter.collector);
    if (digits === undefined)
      throw new Refusal(`${name} is no valid token of this call; ask with collect_digits for "${parameter.collector}"`);
    secrets[name] = digits;
  }
  return secrets;
}

function headersOf(settings: HttpToolSettings, values: Values): Record<string, string> {
  const { headers, bearerToken, apiKey, apiKeyHeader, body } = settings;
  const filled = Object.entries(headers).map(([name, text]) => [name.toLowerCase(), fillHeader(text, values)]);
  return {
    accept: "application/json, text/*;q=0.5",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...Object.fromEntries(filled),
    ...(bearerToken && { authorization: `Bearer ${bearerToken.current()}` }),
    ...(apiKey && { [apiKeyHeader.toLowerCase()]: apiKey.current() }),
  };
}

type Request = { readonly method: string; readonly headers: Record<string, string>; readonly body?: string };

/** Redirects lead to hosts of the list only; what proves who we are, and what was to be sent, goes to the first host alone. */
async function follow(
  first: string,
  request: Request,
  { settings, network }: Pick<Asking, "settings" | "network">,
  signal: AbortSignal,
): Promise<Response> {
  const { host } = new URL(settings.url.replaceAll(/[{}]/g, "_"));
  let url = new URL(first);
  let now = request;
  for (let hops = 0; ; hops += 1) {
    const response = await network.fetch(url.href, { ...now, signal });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status >= 400 || location === null) return response;
    await response.body?.cancel();
    if (hops >= REDIRECTS_MAX) throw new Refusal("it leads from one address to the next");
    const next = URL.canParse(location, url.href) ? new URL(location, url.href) : undefined;
    if (!next || ![host, ...settings.hosts].includes(next.host) || next.username !== "")
      throw new Refusal("it leads to a host that is not allowed");
    if (next.origin !== url.origin) now = { method: now.method, headers: { accept: request.headers.accept ?? "*/*" } };
    // What was to be changed has been changed, or would have to be sent once more: neither is followed blindly.
    if (request.method !== "GET") {
      if (response.status !== 303) throw new Refusal("it leads elsewhere");
      const { "content-type": _type, ...headers } = now.headers;
      now = { method: "GET", headers };
    }
    url = next;
  }
}

/** Text, or JSON in its shortest form. Throws a Refusal for what is neither. */
function contentOf(text: string, response: Response): string {
  if (text.trim() === "") return "Done.";
  const type = response.headers.get("content-type") ?? "";
  if (/\bjson\b/i.test(type)) {
    try {
      return JSON.stringify(JSON.parse(text));
    } catch {
      throw new Refusal("the answer is no valid JSON");
    }
  }
  if (!/^text\//i.test(type) || /\bhtml\b/i.test(type)) throw new Refusal("the answer is neither JSON nor plain text");
  return text.replace(/[^\P{Cc}\n\t]+/gu, " ").trim();
}
