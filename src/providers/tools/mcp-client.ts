import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { getDefaultEnvironment, StdioClientTransport } from "@modelcontextprotocol/sdk/client/stdio.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import type { ToolDefinition } from "../../conversation/providers.ts";
import { type ContentPart, textOfContent } from "./mcp-content.ts";
import type { ToolNetwork } from "./network.ts";
import type { McpToolSettings } from "./schema.ts";

/** A server's tool, and what the server says of it. */
export interface McpTool {
  readonly definition: ToolDefinition;
  /** Done twice it is as done once. */
  readonly repeatable: boolean;
}

export interface McpClientOptions {
  readonly settings: McpToolSettings;
  readonly network: ToolNetwork;
  /** The server is gone, or was closed. */
  readonly onLost: () => void;
}

const PAGES_MAX = 20;
// The deadline is ours; the library's own only catches what that misses.
const GRACE_MS = 1_000;
const MESSAGE_MAX_BYTES = 4_000_000;
const VERSION = "1";

/** One connection to a server. */
export class McpClient {
  readonly #options: McpClientOptions;
  readonly #client = new Client({ name: "sidetone", version: VERSION });

  constructor(options: McpClientOptions) {
    this.#options = options;
    this.#client.onclose = options.onLost;
    // What it does wrong is told where it is asked; its own words may hold a caller's.
    this.#client.onerror = () => {};
  }

  /** Connects, and asks what the server can do. */
  async open(signal: AbortSignal): Promise<McpTool[]> {
    await this.#client.connect(this.#transport(), { signal });
    const found: McpTool[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < PAGES_MAX; page += 1) {
      const { tools, nextCursor } = await this.#client.listTools(
        { ...(cursor !== undefined && { cursor }) },
        { signal },
      );
      for (const { name, description = "", inputSchema, annotations } of tools)
        found.push({
          definition: { name, description, parameters: inputSchema as ToolDefinition["parameters"] },
          repeatable: annotations?.readOnlyHint === true || annotations?.idempotentHint === true,
        });
      cursor = nextCursor;
      if (cursor === undefined) break;
    }
    return found;
  }

  /** Rejects when the server cannot be reached, or refuses. */
  async ask(
    name: string,
    input: Readonly<Record<string, unknown>>,
    { signal, timeoutMs }: { signal: AbortSignal; timeoutMs: number },
  ): Promise<{ text: string; failed: boolean }> {
    try {
      const options = { signal, timeout: timeoutMs + GRACE_MS };
      const answer = await this.#client.callTool({ name, arguments: { ...input } }, undefined, options);
      const text = textOfContent(answer.content as readonly ContentPart[], answer.structuredContent);
      return { text, failed: answer.isError === true };
    } catch (error) {
      const refused = error instanceof McpError && error.code !== ErrorCode.ConnectionClosed;
      // A server over HTTP that was started again knows nothing of this session: another one is begun.
      if (!refused && !signal.aborted) void this.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#client.close().catch(() => {});
  }

  #transport(): Transport {
    const { settings, network } = this.#options;
    const { command, args, env, url, bearerToken } = settings;
    if (url !== undefined) {
      const fetch: typeof globalThis.fetch = (to, init) => {
        const headers = new Headers(init?.headers);
        // Each time: it may have been rotated.
        if (bearerToken) headers.set("authorization", `Bearer ${bearerToken.current()}`);
        return network.fetch(to, { ...init, headers: Object.fromEntries(headers) });
      };
      return new StreamableHTTPClientTransport(new URL(url), { fetch }) as Transport;
    }
    const given = Object.entries(env).map(([key, value]) => [key, typeof value === "string" ? value : value.current()]);
    return new StdioClientTransport({
      command: command ?? "",
      args,
      env: { ...getDefaultEnvironment(), ...Object.fromEntries(given) },
      stderr: "ignore",
      maxBufferSize: MESSAGE_MAX_BYTES,
    });
  }
}
