import { codeOf, messageOf } from "../base/errors.ts";
import { ProviderError, type ProviderErrorCode } from "../conversation/providers.ts";

/** What an HTTP status of a provider means for whoever asked: its key or our request, its load, or its absence. */
export function codeOfStatus(status: number): ProviderErrorCode {
  if (status === 408 || status === 504) return "timeout";
  if (status === 429 || status === 503 || status === 529) return "overloaded";
  if (status >= 500) return "unreachable";
  return status >= 400 ? "refused" : "protocol";
}

const TIMEOUTS = new Set(["UND_ERR_CONNECT_TIMEOUT", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT", "ETIMEDOUT"]);

/** The failure of a connection, which libraries hide below their own errors: its cause is what says something. */
export function networkFailure(provider: string, error: unknown): ProviderError {
  if (error instanceof ProviderError) return error;
  const causes = causesOf(error);
  const code = causes.map(codeOf).find((one) => one !== "") ?? "";
  const root = causes.at(-1) ?? error;
  const told = messageOf(root).slice(0, 300) || code;
  return new ProviderError(provider, TIMEOUTS.has(code) ? "timeout" : "unreachable", told, { cause: error });
}

const CAUSES_MAX = 5;

function causesOf(error: unknown): unknown[] {
  const causes = [error];
  for (let at = error; at instanceof Error && at.cause !== undefined && causes.length < CAUSES_MAX; at = at.cause)
    causes.push(at.cause);
  return causes;
}
