import { type Backoff, createBackoff } from "../../base/backoff.ts";
import type { Clock, Timer } from "../../base/clock.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { Tool, ToolScope } from "../../conversation/tools.ts";
import type { McpClient, McpTool } from "./mcp-client.ts";
import type { ToolNetwork } from "./network.ts";
import type { McpToolSettings } from "./schema.ts";

export interface McpServerOptions {
  readonly name: string;
  readonly settings: McpToolSettings;
  readonly network: ToolNetwork;
  readonly clock: Clock;
  readonly log: Log;
}

const START_MS = 10_000;
const DESCRIPTION_MAX = 2_000;
const SCHEMA_MAX = 20_000;
const GRACE_MS = 500;
const NAME_MAX = 64;

/**
 * A Model Context Protocol server: a program of ours, or one over HTTP. It is connected at the start and for as long as the
 * configuration holds; one that dies is started again after a pause, and meanwhile its tools say that it cannot be reached.
 */
export class McpServer {
  readonly #options: McpServerOptions;
  readonly #backoff: Backoff = createBackoff({ minMs: 500, maxMs: 60_000 });
  readonly #abort = new AbortController();
  /** As it was told last: what an agent may ask for does not change because a server is down. */
  #tools: readonly McpTool[] = [];
  #client: McpClient | undefined;
  #again: Timer | undefined;
  #connecting: Promise<void> | undefined;

  constructor(options: McpServerOptions) {
    this.#options = options;
    this.#begin();
  }

  /** Resolves when the first try to connect is over, however it went. */
  async ready(): Promise<void> {
    await this.#connecting;
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  /** The tools as a call has them. */
  toolsFor(scope: ToolScope): readonly Tool[] {
    return this.#tools.map((tool) => this.#toolOf(tool, scope));
  }

  /** Ends the program, or the connection. May be called twice. */
  async close(): Promise<void> {
    this.#abort.abort();
    this.#again?.cancel();
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
    await this.#connecting;
  }

  #begin(): void {
    this.#connecting = this.#connect();
  }

  async #connect(): Promise<void> {
    const { name, clock, log } = this.#options;
    const { signal } = this.#abort;
    // Only who has such a server loads what speaks to it.
    const { McpClient } = await import("./mcp-client.ts");
    if (signal.aborted) return;
    let over = false;
    const lost = (): void => {
      if (over || signal.aborted) return;
      over = true;
      if (this.#client === client) {
        this.#client = undefined;
        log.warn({ server: name }, "a tool server is gone and is started again");
      }
      this.#again = clock.after(this.#backoff.next(), () => this.#begin());
    };
    const client = new McpClient({ ...this.#options, onLost: lost });
    try {
      const message = "the server did not say what it can do in time";
      const found = await withDeadline((within) => client.open(within), { clock, ms: START_MS, message, signal });
      if (over || signal.aborted) throw new Error("gone");
      this.#tools = this.#allowed(found);
      this.#client = client;
      this.#backoff.reset();
      log.info({ server: name, tools: this.#tools.length }, "a tool server is connected");
    } catch (error) {
      if (!signal.aborted) log.warn({ server: name, reason: messageOf(error) }, "a tool server cannot be used");
      await client.close();
      lost();
    }
  }

  #allowed(found: readonly McpTool[]): McpTool[] {
    const { settings, log, name } = this.#options;
    const fits = ({ definition }: McpTool) => JSON.stringify(definition.parameters).length <= SCHEMA_MAX;
    const allowed = found.filter((tool) => settings.tools.includes(tool.definition.name) && fits(tool));
    const missing = settings.tools.filter((wanted) => !allowed.some(({ definition }) => definition.name === wanted));
    if (missing.length > 0)
      log.warn({ server: name, tools: missing }, "a tool server does not have all that was named");
    return allowed.map(({ definition, repeatable }) => ({
      definition: { ...definition, description: definition.description.slice(0, DESCRIPTION_MAX) },
      // Whoever set the server up knows better than the server.
      repeatable: settings.repeatable?.includes(definition.name) ?? repeatable,
    }));
  }

  #toolOf({ definition, repeatable }: McpTool, scope: ToolScope): Tool {
    const { name: server, settings } = this.#options;
    return {
      definition: { ...definition, name: toolName(server, definition.name) },
      repeatable,
      timeoutMs: settings.timeoutMs + GRACE_MS,
      run: async (input, signal) => ({
        result: scope.vault.redact(await this.#ask(definition.name, input, scope, signal)),
      }),
    };
  }

  async #ask(
    tool: string,
    input: Readonly<Record<string, unknown>>,
    { clock, log }: ToolScope,
    signal: AbortSignal,
  ): Promise<string> {
    const { name: server, settings } = this.#options;
    const { timeoutMs, maxBytes } = settings;
    const client = this.#client;
    if (!client) return "This failed: it cannot be reached now.";
    try {
      const { text, failed } = await withDeadline((within) => client.ask(tool, input, { signal: within, timeoutMs }), {
        ...{ clock, ms: timeoutMs, message: "took too long", signal },
      });
      if (Buffer.byteLength(text) > maxBytes) return "This failed: the answer is too long.";
      return failed ? `This failed: ${text}` : text === "" ? "Done." : text;
    } catch (error) {
      signal.throwIfAborted();
      const late = codeOf(error) === "timeout";
      log.warn({ tool: `${server}_${tool}`, code: late ? "timeout" : "failed" }, "a tool's request failed");
      return `This failed: ${late ? "it did not answer in time" : "the server could not do it"}.`;
    }
  }
}

/** Two servers may have tools of one name, and models take letters, digits, - and _ only. */
const toolName = (server: string, tool: string): string =>
  `${server}_${tool}`.replace(/[^a-zA-Z0-9_-]/g, "_").slice(0, NAME_MAX);
