import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import type { Clock } from "../../../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../../../base/errors.ts";
import type { Log } from "../../../base/log.ts";
import { EslConnection, type EslSocket } from "./connection.ts";
import { decodedHead, type EslEvent } from "./event.ts";
import type { EslMessage } from "./reader.ts";

/** Somebody who has connected and says that he is a FreeSWITCH which lends this call. Not believed yet. */
export interface OutboundCall {
  readonly uuid: string;
  /** The channel's variables and what else is known of it, decoded. */
  readonly data: ReadonlyMap<string, string>;
  readonly connection: EslConnection;
  /** Who listens to this call's events and notices. Those that came before are gone: subscribe afterwards. */
  listen(listener: OutboundListener): void;
}

export interface OutboundListener {
  readonly onEvent: (event: EslEvent) => void;
  readonly onNotice: (message: EslMessage) => void;
}

export interface EslServerOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Log;
  /** Its connection is closed when this rejects. */
  readonly onCall: (call: OutboundCall) => Promise<void>;
  readonly maxConnections?: number;
  /** Several workers listen there, and the kernel gives each connection to one of those that do. */
  readonly shared?: boolean;
}

const GREETING_MS = 1000;
const MAX_CONNECTIONS = 2000;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The outbound side: FreeSWITCH connects here with each call that its dialplan lends. */
export class EslServer {
  readonly #options: EslServerOptions;
  readonly #server: Server;
  readonly #sockets = new Set<EslSocket>();
  #strangers = 0;

  constructor(options: EslServerOptions) {
    this.#options = options;
    this.#server = createServer({ noDelay: true, keepAlive: true }, (socket) => this.accept(socket));
    this.#server.maxConnections = options.maxConnections ?? MAX_CONNECTIONS;
    // A fault of the listening socket after it listens is the system's; calls that are up go on.
    this.#server.on("error", (error) => options.log.error({ err: error }, "the port for lent calls has a fault"));
  }

  /** Where it listens; 0 before that. */
  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? 0;
  }

  get listening(): boolean {
    return this.#server.listening;
  }

  /** How many have connected who were no FreeSWITCH. */
  get strangers(): number {
    return this.#strangers;
  }

  /** Rejects with the system's error: EADDRINUSE and the like. */
  async listen(): Promise<void> {
    const { host, port, shared = false } = this.#options;
    this.#server.listen({ port, host, reusePort: shared });
    await once(this.#server, "listening");
  }

  /** Lets nobody in any more; FreeSWITCH tries the next host at once. Calls that are up stay. May be called twice. */
  shut(): void {
    if (this.#server.listening) this.#server.close();
  }

  /** Shuts, and cuts what is up. */
  async close(): Promise<void> {
    this.shut();
    const gone = [...this.#sockets].map((socket) => new Promise<void>((resolve) => socket.on("close", resolve)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }

  /** Somebody has connected. */
  accept(socket: EslSocket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    let listener: OutboundListener | undefined;
    const connection = new EslConnection({
      socket,
      clock: this.#options.clock,
      onEvent: (event) => listener?.onEvent(event),
      onNotice: (message) => listener?.onNotice(message),
    });
    const listen = (wanted: OutboundListener): void => {
      listener = wanted;
    };
    this.#greet(connection, listen).catch((error: unknown) => {
      connection.close(error);
      // FreeSWITCH itself hangs up when the caller does.
      if (codeOf(error) !== "closed")
        this.#options.log.warn({ detail: messageOf(error) }, "a connection to the port for lent calls was closed");
    });
  }

  async #greet(connection: EslConnection, listen: OutboundCall["listen"]): Promise<void> {
    const { head } = await this.#dataOf(connection);
    // The one reply that is URL-encoded.
    const data = decodedHead(head);
    const uuid = data.get("Unique-ID") ?? "";
    if (!UUID.test(uuid)) throw this.#stranger("Who has connected to the port for lent calls names no call.");
    await this.#options.onCall({ uuid, data, connection, listen });
  }

  async #dataOf(connection: EslConnection): Promise<EslMessage> {
    try {
      return await connection.command("connect", { ms: GREETING_MS });
    } catch (error) {
      if (codeOf(error) === "timeout" || codeOf(error) === "protocol")
        throw this.#stranger("Who has connected to the port for lent calls is no FreeSWITCH.", error);
      throw error;
    }
  }

  #stranger(message: string, cause?: unknown): OutsideError {
    this.#strangers++;
    return new OutsideError("stranger", message, { cause });
  }
}
