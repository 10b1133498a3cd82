import type { ProviderErrorCode } from "../conversation/providers.ts";

/**
 * What an HTTP status of a provider means for a call: "refused" is a wrong key or request and stays so, "overloaded" passes,
 * everything else is a server that does not serve.
 */
export function codeOfStatus(status: number): ProviderErrorCode {
  if (status === 408 || status === 504) return "timeout";
  if (status === 429 || status === 503 || status === 529) return "overloaded";
  if (status >= 400 && status < 500) return "refused";
  return "unreachable";
}
