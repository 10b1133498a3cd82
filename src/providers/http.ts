import { EnvHttpProxyAgent, fetch } from "undici";

export interface Http {
  /** As the platform's `fetch`. Follows redirects; a key does not go along to another host. */
  readonly fetch: typeof globalThis.fetch;
  /** Has a connection open by the time it is needed, where none was used of late. Never rejects. */
  warm(url: string, signal: AbortSignal): Promise<void>;
  /** What is still running is aborted. May be called twice. */
  close(): Promise<void>;
}

export interface HttpOptions {
  readonly connectMs: number;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

// Between two turns of a call half a minute may pass; servers that close earlier say so, and are believed.
const KEEP_ALIVE_MS = 60_000;
const KEEP_ALIVE_MAX_MS = 300_000;
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/**
 * Connections to one provider: TLS verified, kept alive between requests, through the proxy that the environment names
 * (HTTPS_PROXY, HTTP_PROXY, NO_PROXY), never to this machine through one. There are no deadlines but that of connecting:
 * a stream of words has its own.
 */
export function openHttp({ connectMs, env = process.env }: HttpOptions): Http {
  const { http_proxy, https_proxy, no_proxy } = lowerCase(env);
  const agent = new EnvHttpProxyAgent({
    ...(http_proxy && { httpProxy: http_proxy }),
    ...(https_proxy && { httpsProxy: https_proxy }),
    noProxy: [...(no_proxy ? [no_proxy] : []), ...LOOPBACK].join(","),
    connect: { timeout: connectMs },
    keepAliveTimeout: KEEP_ALIVE_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
    headersTimeout: 0,
    bodyTimeout: 0,
  });
  // The platform's types and the library's are the same thing under two names.
  const ask = ((url: string, init: object) =>
    fetch(url, { ...init, dispatcher: agent })) as unknown as typeof globalThis.fetch;
  let closed: Promise<void> | undefined;
  return {
    fetch: ask,
    async warm(url, signal) {
      try {
        // Whatever is answered, a connection is open then. (After a HEAD it would be closed.)
        await (await ask(url, { method: "OPTIONS", redirect: "manual", signal })).text();
      } catch {
        // The request that needs the connection says what is wrong with it.
      }
    },
    close() {
      closed ??= agent.destroy().then(() => undefined);
      return closed;
    },
  };
}

function lowerCase(env: Readonly<Record<string, string | undefined>>): Record<string, string | undefined> {
  const wanted = ["http_proxy", "https_proxy", "no_proxy"];
  return Object.fromEntries(wanted.map((name) => [name, env[name] || env[name.toUpperCase()]]));
}
