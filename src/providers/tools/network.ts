import { lookup } from "node:dns";
import { BlockList, isIP } from "node:net";
import { Agent, fetch } from "undici";
import { OutsideError } from "../../base/errors.ts";

/** What of the Internet is nobody's server: this machine, private networks, what is reserved (https://www.iana.org/assignments/iana-ipv4-special-registry). */
const PRIVATE = new BlockList();
for (const [network, bits] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv4");
for (const [network, bits] of [
  ["::", 128],
  ["::1", 128],
  ["64:ff9b::", 96],
  ["64:ff9b:1::", 48],
  ["2002::", 16],
  ["fc00::", 7],
  ["fe80::", 10],
  ["ff00::", 8],
] as const)
  PRIVATE.addSubnet(network, bits, "ipv6");

/** Whether an address belongs to this machine or to a network that is not the Internet. What is no address does. */
export function isPrivate(address: string): boolean {
  const family = isIP(address);
  if (family === 0) return true;
  // ::ffff:10.0.0.1 is 10.0.0.1: the list knows that by itself.
  return PRIVATE.check(address, family === 4 ? "ipv4" : "ipv6");
}

export interface ToolNetwork {
  /** As the platform's, but for redirects, which are never followed. Rejects with code "forbidden" for a host that may not be asked. */
  readonly fetch: typeof globalThis.fetch;
  close(): Promise<void>;
}

type Lookup = typeof lookup;

export interface ToolNetworkOptions {
  /** This machine and private networks may be asked. */
  readonly near: boolean;
  readonly connectMs: number;
  /** The certificate authority, where it is no public one. */
  readonly ca?: string;
  readonly resolve?: Lookup;
}

/**
 * Connections for tools: TLS verified, no proxy, and, unless it is allowed, none to this machine or its networks. What counts is
 * the address that is connected to, not the name: a name may lead anywhere, and elsewhere the next moment.
 */
export function openToolNetwork({ near, connectMs, ca, resolve = lookup }: ToolNetworkOptions): ToolNetwork {
  const guarded: Lookup = ((host: string, options: object, done: (error: Error | null, ...found: unknown[]) => void) =>
    resolve(host, { ...options, all: true }, (error, found) => {
      if (error) return done(error);
      const addresses = found as unknown as { address: string; family: number }[];
      if (!near && addresses.some(({ address }) => isPrivate(address))) return done(forbidden());
      const [first] = addresses;
      if ("all" in options && options.all) done(null, addresses);
      else done(null, first?.address, first?.family);
    })) as Lookup;
  const agent = new Agent({
    connect: { timeout: connectMs, lookup: guarded, ...(ca !== undefined && { ca }) },
    headersTimeout: 0,
    bodyTimeout: 0,
    maxHeaderSize: 16_384,
  });
  const ask = async (given: string | URL | Request, init: object = {}): Promise<Response> => {
    const url = new URL(given instanceof Request ? given.url : given);
    // An address in place of a name is looked up by nobody.
    const literal = url.hostname.replace(/^\[|\]$/g, "");
    if (!near && isIP(literal) !== 0 && isPrivate(literal)) throw forbidden();
    if (!near && url.protocol !== "https:") throw forbidden();
    return (await fetch(url, { ...init, redirect: "manual", dispatcher: agent })) as unknown as Response;
  };
  let closed: Promise<void> | undefined;
  return {
    fetch: ask as typeof globalThis.fetch,
    close() {
      closed ??= agent.destroy().then(() => undefined);
      return closed;
    },
  };
}

const forbidden = (): OutsideError =>
  new OutsideError("forbidden", "This host is on this machine or in a private network, or is asked without TLS.");
