import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { Server } from "@modelcontextprotocol/sdk/server/index.js";
import { StdioServerTransport } from "@modelcontextprotocol/sdk/server/stdio.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import { CallToolRequestSchema, ListToolsRequestSchema } from "@modelcontextprotocol/sdk/types.js";

/** A server that does what the argument `how` says, so that one and the same serves every test. */
function makeServer(): Server {
  const server = new Server({ name: "stock", version: "1" }, { capabilities: { tools: {} } });
  const inputSchema = { type: "object", properties: { how: { type: "string" } } };
  server.setRequestHandler(ListToolsRequestSchema, async () => ({
    tools: [
      { name: "look_up", description: "Looks something up.", inputSchema, annotations: { readOnlyHint: true } },
      { name: "delete_all", description: "Deletes everything.", inputSchema },
    ],
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const how = String(params.arguments?.how);
    if (how === "never") return await new Promise(() => {});
    if (how === "dies") process.exit(1);
    if (how === "refuses") return { content: [{ type: "text", text: "Not for you." }], isError: true };
    if (how === "garbage") return { content: [{ type: "image", data: "AAAA", mimeType: "image/png" }] };
    if (how === "tooMuch") return { content: [{ type: "text", text: "x".repeat(50_000) }] };
    return { content: [{ type: "text", text: "Three in stock." }] };
  });
  return server;
}

/** The same over streamable HTTP, on loopback. */
export async function serveMcpOverHttp(): Promise<{ url: string; close(): Promise<void> }> {
  const http: HttpServer = createServer((request, response) => {
    const transport = new StreamableHTTPServerTransport({});
    const server = makeServer();
    response.on("close", () => void server.close());
    void server.connect(transport as never).then(() => transport.handleRequest(request, response));
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/mcp`,
    close: () =>
      new Promise((resolve) => {
        http.closeAllConnections();
        http.close(() => resolve());
      }),
  };
}

if (process.argv[1] === import.meta.filename) await makeServer().connect(new StdioServerTransport());
