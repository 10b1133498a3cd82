import { ProviderError } from "../../conversation/providers.ts";
import { codeOfStatus, networkFailure } from "../failure.ts";

const TOLD_MAX = 300;

/**
 * What the vendors' libraries throw, in our words: OpenAI's and Anthropic's are of one make. Told apart by shape, so that nobody
 * has to load them. The messages of servers are kept short; some repeat what they were sent.
 */
export function apiFailure(provider: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const made = (code: ProviderError["code"], message: string) =>
    new ProviderError(provider, code, message, { cause: error });
  if (error instanceof SyntaxError) return made("protocol", "the answer cannot be read");
  if (!(error instanceof Error) || !("status" in error)) return networkFailure(provider, error);
  const message = error.message.slice(0, TOLD_MAX);
  if (typeof error.status === "number") return made(codeOfStatus(error.status), message);
  if (error.constructor.name === "APIConnectionTimeoutError") return made("timeout", "no answer in time");
  // An error that came in the stream has no status of its own.
  if ("error" in error && error.error) return made(codeOfStreamed(error.error), message);
  return networkFailure(provider, error);
}

function codeOfStreamed(error: unknown): ProviderError["code"] {
  const told = JSON.stringify(error);
  if (/rate_limit|overloaded|quota/.test(told)) return "overloaded";
  return /server_error|api_error|internal/.test(told) ? "unreachable" : "protocol";
}
