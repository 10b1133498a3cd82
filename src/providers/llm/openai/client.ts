import type OpenAI from "openai";
import type { Http } from "../../http.ts";
import type { Key } from "../../key.ts";

const LIBRARY_MS = 120_000;

/** The vendor's library, pointed at a server; loaded when somebody is to use it. */
export async function openClient(
  { baseUrl, apiKey }: { readonly baseUrl: string; readonly apiKey?: Key | undefined },
  http: Http,
): Promise<OpenAI> {
  const { default: Client } = await import("openai");
  return new Client({
    baseURL: baseUrl,
    // Asked for at every request: a rotated key is used from the next one on.
    apiKey: async () => apiKey?.current() ?? "none",
    // What holds stands in the configuration, and not in the environment.
    organization: null,
    project: null,
    adminAPIKey: null,
    webhookSecret: null,
    logLevel: "off",
    // Whoever else can answer does so sooner than a second try.
    maxRetries: 0,
    // Ours are shorter, and run by the clock.
    timeout: LIBRARY_MS,
    fetch: http.fetch,
  });
}
