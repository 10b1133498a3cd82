import { createServer, type IncomingMessage, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { createServer as createTcpServer } from "node:net";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { afterEach, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import type { ProviderError } from "../../src/conversation/providers.ts";
import { ProviderSocket } from "../../src/providers/socket.ts";
import { selfSigned, vouchedFor } from "../fakes/providers/self-signed.ts";
import { FakeServer } from "../fakes/providers/server.ts";

const KEY = "Token swordfish";
const closers: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function fake(options: ConstructorParameters<typeof FakeServer>[0] = {}): Promise<FakeServer> {
  const server = new FakeServer(options, (socket) => socket.send("hello"));
  await server.listen();
  closers.push(() => server.close());
  return server;
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** What becomes of a connection: its first text, or why it was lost. */
function attempt(
  url: string,
  { env = {}, connectMs = 2000 }: { env?: Record<string, string>; connectMs?: number } = {},
): Promise<string | ProviderError> {
  return new Promise((resolve) => {
    const socket = new ProviderSocket({
      provider: "test",
      url,
      headers: { authorization: KEY, "xi-api-key": "swordfish", accept: "text" },
      clock: systemClock,
      connectMs,
      env,
      events: { open: () => {}, text: resolve, lost: resolve },
    });
    closers.push(() => socket.close());
  });
}

/** As an administrator's NODE_EXTRA_CA_CERTS does. */
function trustAuthority(): void {
  const before = getCACertificates("default");
  setDefaultCACertificates([...before, vouchedFor.authority]);
  closers.push(() => setDefaultCACertificates(before));
}

const redirectTo = (location: string, server: Server = createServer()): Server => {
  server.on("upgrade", (_request, raw) => {
    raw.end(`HTTP/1.1 307 Temporary Redirect\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`);
  });
  return server;
};

test("a redirect is followed, and the key does not go along to another host", async () => {
  const server = await fake();
  const port = await listen(redirectTo(`${server.url}/moved`));
  expect(await attempt(`ws://127.0.0.1:${port}/v1?model=a`)).toBe("hello");
  const [request] = server.requests;
  expect(request?.path).toBe("/moved");
  expect(request?.headers.accept).toBe("text");
  expect(request?.headers.authorization).toBeUndefined();
  expect(request?.headers["xi-api-key"]).toBeUndefined();
});

test("redirects in a circle end", async () => {
  const server = redirectTo("/again");
  const port = await listen(server);
  expect(await attempt(`ws://127.0.0.1:${port}/`)).toMatchObject({ name: "ProviderError" });
});

test("a certificate that nobody vouches for is not accepted", async () => {
  const server = await fake({ tls: selfSigned });
  expect(await attempt(server.url)).toMatchObject({
    code: "unreachable",
    message: expect.stringMatching(/self.signed/i),
  });
  expect(server.requests).toEqual([]);
});

test("a server whose certificate is vouched for is connected to over TLS", async () => {
  trustAuthority();
  const server = await fake({ tls: vouchedFor });
  expect(await attempt(`${server.url}/v1`)).toBe("hello");
  expect(server.requests).toMatchObject([{ path: "/v1", headers: { authorization: KEY } }]);
});

test("a certificate for another host is not accepted, whoever vouches for it", async () => {
  trustAuthority();
  const server = await fake({ tls: vouchedFor });
  expect(await attempt(server.url.replace("localhost", "127.0.0.1"))).toMatchObject({ code: "unreachable" });
  expect(server.requests).toEqual([]);
});

test("a redirect from TLS to plain text is refused, and nothing goes there", async () => {
  trustAuthority();
  const plain = await fake();
  const port = await listen(redirectTo(`${plain.url}/v1`, createTlsServer(vouchedFor)));
  const lost = await attempt(`wss://localhost:${port}/v1`);
  expect(lost).toMatchObject({ code: "refused", message: expect.stringContaining("plain text") });
  const elsewhere = await fake({ tls: vouchedFor });
  const secure = await listen(redirectTo(`${elsewhere.url}/v1`, createTlsServer(vouchedFor)));
  expect(await attempt(`wss://localhost:${secure}/v1`)).toBe("hello");
  // Not even the request, in which the key would be.
  expect(plain.requests).toEqual([]);
});

test("a server that takes the connection and says nothing is given up in time", async () => {
  const server = createTcpServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(() => void server.close());
  const { port } = server.address() as AddressInfo;
  expect(await attempt(`ws://127.0.0.1:${port}/`, { connectMs: 100 })).toMatchObject({ code: "timeout" });
});

test("an address that is none is told like any other loss", async () => {
  expect(await attempt("not an address")).toMatchObject({ code: "refused" });
});

test("TLS goes through the proxy that the environment names, by CONNECT", async () => {
  const proxy = createServer();
  const asked: string[] = [];
  proxy.on("connect", (request: IncomingMessage, raw) => {
    asked.push(request.url ?? "");
    raw.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  const env = { HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}` };
  expect(await attempt("wss://recogniser.invalid/v1", { env })).toMatchObject({ code: "unreachable" });
  expect(asked).toEqual(["recogniser.invalid:443"]);
  // Whom NO_PROXY names, and this machine, are asked for directly.
  expect(
    await attempt("wss://recogniser.invalid/v1", { env: { ...env, NO_PROXY: "recogniser.invalid" } }),
  ).toMatchObject({
    code: "unreachable",
  });
  expect(await attempt((await fake()).url, { env: { ...env, HTTP_PROXY: env.HTTPS_PROXY } })).toBe("hello");
  expect(asked).toHaveLength(1);
});

test("no error tells the key", async () => {
  const server = await fake({ fault: "401" });
  server.refusal = () => server.statusFault;
  const error = (await attempt(server.url)) as ProviderError;
  expect(error.code).toBe("refused");
  expect(JSON.stringify({ ...error, message: error.message, cause: String(error.cause) })).not.toContain("swordfish");
});
