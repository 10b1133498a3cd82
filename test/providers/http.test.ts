import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, expect, test } from "vitest";
import { openHttp } from "../../src/providers/http.ts";
import { settle } from "../support/virtual-clock.ts";

const open: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  open.push(() => new Promise((resolve) => server.close(resolve)));
  return (server.address() as AddressInfo).port;
}

function client(env: Record<string, string> = {}) {
  const http = openHttp({ connectMs: 1000, env });
  open.push(() => http.close());
  return http;
}

test("a request to the world goes through the proxy of the environment, one to this machine does not", async () => {
  const asked: (string | undefined)[] = [];
  const proxy = createServer().on("connect", (request, socket) => {
    asked.push(request.url);
    socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
  });
  const port = await listen(createServer((_request, response) => response.end("here")));
  const http = client({ HTTPS_PROXY: `http://127.0.0.1:${await listen(proxy)}`, HTTP_PROXY: "http://127.0.0.1:9" });
  await expect(http.fetch("https://provider.invalid/v1")).rejects.toThrow();
  expect(asked).toEqual(["provider.invalid:443"]);
  expect(await (await http.fetch(`http://127.0.0.1:${port}/`)).text()).toBe("here");
});

test("a redirect is followed, and the key stays with the host that it is for", async () => {
  const keys: Record<string, string | undefined> = {};
  const target = await listen(
    createServer((request, response) => {
      keys.target = request.headers.authorization;
      response.end("moved");
    }),
  );
  const first = await listen(
    createServer((request, response) => {
      keys.first = request.headers.authorization;
      response.writeHead(307, { location: `http://localhost:${target}/` }).end();
    }),
  );
  const answer = await client().fetch(`http://127.0.0.1:${first}/`, { headers: { authorization: "Bearer x" } });
  expect(await answer.text()).toBe("moved");
  expect(keys).toEqual({ first: "Bearer x", target: undefined });
});

test("a connection that was opened early is the one that is used", async () => {
  let connections = 0;
  const methods: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    methods.push(request.method);
    response.end();
  });
  server.on("connection", () => {
    connections += 1;
  });
  const url = `http://127.0.0.1:${await listen(server)}/`;
  const http = client();
  await http.warm(url, new AbortController().signal);
  // A connection is taken again one turn of the event loop after its last answer.
  await settle();
  await settle();
  await (await http.fetch(url, { method: "POST", body: "words" })).text();
  expect({ connections, methods }).toEqual({ connections: 1, methods: ["OPTIONS", "POST"] });
  await http.warm("http://127.0.0.1:9/", new AbortController().signal);
});
