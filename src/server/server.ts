import Fastify, { type FastifyInstance } from "fastify";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import { createEventStreams, type EventStreams } from "./events.ts";
import type { LiveCalls } from "./live.ts";
import { isAuthorised } from "./token.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in sentences; what is worth knowing also when ready. */
  readonly reasons: readonly string[];
}

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly token: string;
  readonly version: string;
  readonly clock: Clock;
  readonly live: LiveCalls;
  readonly readiness: () => Readiness;
  /** The metrics in Prometheus' text format. */
  readonly metrics: () => Promise<{ contentType: string; text: string }>;
}

export interface Server {
  readonly url: string;
  /** Ends the event streams and releases the port. May be called twice. */
  close(): Promise<void>;
}

const BODY_MAX_BYTES = 64 * 1024;
const CONNECTIONS_MAX = 100;
const REQUEST_MS = 10_000;

/** Health, metrics and the live calls, over HTTP. Throws an OutsideError that names the port when it cannot listen. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { host, port, clock, live } = options;
  const streams = createEventStreams({ live, clock });
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_MAX_BYTES,
    requestTimeout: REQUEST_MS,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 200 },
  });
  app.server.maxConnections = CONNECTIONS_MAX;
  healthRoutes(app, options);
  apiRoutes(app, options, streams);
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ error: "There is nothing here." }));
  app.setErrorHandler((error, _request, reply) => {
    const status =
      typeof error === "object" && error !== null && "statusCode" in error ? Number(error.statusCode) : 500;
    return reply.code(status).send({ error: status < 500 ? messageOf(error) : "Something went wrong here." });
  });
  try {
    const url = await app.listen({ host, port });
    return {
      url,
      async close() {
        streams.close();
        await app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw listenError(error, host, port);
  }
}

function healthRoutes(app: FastifyInstance, { clock, version, readiness, metrics }: ServerOptions): void {
  const startMs = clock.now();
  app.get("/healthz", () => ({
    status: "ok",
    version,
    pid: process.pid,
    seconds: Math.round((clock.now() - startMs) / 1000),
  }));
  app.get("/readyz", (_request, reply) => {
    const state = readiness();
    return reply.code(state.ready ? 200 : 503).send(state);
  });
  app.get("/metrics", async (_request, reply) => {
    const { contentType, text } = await metrics();
    return reply.type(contentType).send(text);
  });
}

function apiRoutes(app: FastifyInstance, { token, live }: ServerOptions, streams: EventStreams): void {
  app.register(async (api) => {
    api.addHook("onRequest", async (request, reply) => {
      if (isAuthorised(request.headers.authorization, token)) return undefined;
      reply.header("www-authenticate", "Bearer");
      return reply.code(401).send({ error: "The API wants the token of the state folder: Authorization: Bearer …" });
    });
    api.get("/api/calls", () => ({ calls: live.list() }));
    api.get("/api/events", (_request, reply) => {
      reply.hijack();
      if (streams.open(reply.raw)) return;
      reply.raw.writeHead(503, { "content-type": "application/json" }).end('{"error":"Too many readers of events."}');
    });
  });
}

/** In an administrator's words why nobody listens. */
function listenError(error: unknown, host: string, port: number): OutsideError {
  const code = codeOf(error);
  const why: Record<string, string> = {
    EADDRINUSE: `port ${port} on ${host} is taken by another program (perhaps another Sidetone). Set server.port in sidetone.yaml to a free one, or stop the other program`,
    EACCES: `port ${port} on ${host} is not allowed to this user. Set server.port in sidetone.yaml to one above 1023`,
    EADDRNOTAVAIL: `${host} is no address of this machine. Set server.host in sidetone.yaml, usually to 127.0.0.1`,
    ENOTFOUND: `${host} is no known host. Set server.host in sidetone.yaml, usually to 127.0.0.1`,
  };
  return new OutsideError(code, `The API cannot listen: ${why[code] ?? messageOf(error)}.`, { cause: error });
}
