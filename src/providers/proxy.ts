import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

type Env = Readonly<Record<string, string | undefined>>;

const VARIABLES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];
const LOOPBACK = ["localhost", "127.0.0.1", "::1"];

/**
 * Who makes a websocket's connection where the environment names a proxy (HTTPS_PROXY, HTTP_PROXY, NO_PROXY); undefined without
 * one, and for this machine, which is never asked for through a proxy. Node does the rest (24.5 and 22.21 on): CONNECT for TLS,
 * and direct connections where NO_PROXY says so.
 */
export function proxyAgent(url: URL, env: Env = process.env): HttpAgent | undefined {
  if (!VARIABLES.some((name) => env[name]) || LOOPBACK.includes(url.hostname.replace(/^\[|\]$/g, ""))) return undefined;
  const secure = url.protocol === "wss:" || url.protocol === "https:";
  return secure ? new HttpsAgent({ proxyEnv: env }) : new HttpAgent({ proxyEnv: env });
}
