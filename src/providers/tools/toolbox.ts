import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { MoreTools } from "../../conversation/tools.ts";
import { httpTool } from "./http.ts";
import { McpServer } from "./mcp.ts";
import { openToolNetwork, type ToolNetwork } from "./network.ts";
import type { ToolSettings } from "./schema.ts";

export interface ToolboxOptions {
  readonly tools: Readonly<Record<string, ToolSettings>>;
  /** Those that some agent may use: nothing is started for nobody. */
  readonly used: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
}

const CONNECT_MS = 5_000;

/** The configured tools, with their connections and servers, of one reading of the configuration. */
export class Toolbox {
  readonly #makers = new Map<string, MoreTools>();
  readonly #servers: McpServer[] = [];
  readonly #networks = new Map<boolean, ToolNetwork>();

  constructor({ tools, used, clock, log }: ToolboxOptions) {
    for (const [name, settings] of Object.entries(tools)) {
      if (!used.has(name)) continue;
      const network = this.#network(settings.private);
      if (settings.type === "http") {
        this.#makers.set(name, (scope) => [httpTool({ name, settings, network }, scope)]);
        continue;
      }
      const server = new McpServer({ name, settings, network, clock, log });
      this.#servers.push(server);
      this.#makers.set(name, (scope) => server.toolsFor(scope));
    }
  }

  /** The tools of an agent that names these. */
  for(names: readonly string[]): MoreTools {
    const makers = names.flatMap((name) => this.#makers.get(name) ?? []);
    return (scope) => makers.flatMap((make) => make(scope));
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#servers.map((server) => server.close()));
    await Promise.allSettled([...this.#networks.values()].map((network) => network.close()));
  }

  #network(near: boolean): ToolNetwork {
    const network = this.#networks.get(near) ?? openToolNetwork({ near, connectMs: CONNECT_MS });
    this.#networks.set(near, network);
    return network;
  }
}
