import Fastify, { type FastifyInstance } from "fastify";
import { AggregatorRegistry, type Registry } from "prom-client";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import { AllEvents } from "./all-events.ts";
import { createEventStreams, type EventStreams } from "./events.ts";
import type { LiveCalls } from "./live.ts";
import { askPeers, callsIn, type Peer, type PeerAnswer } from "./peers.ts";
import { isAuthorised } from "./token.ts";

export interface Readiness {
  readonly ready: boolean;
  /** Why not, in sentences; what is worth knowing also when ready. */
  readonly reasons: readonly string[];
}

export interface ServerOptions {
  /** A port of a host, 0 for any free one; or a socket in a folder of the service's user alone. */
  readonly at: { readonly host: string; readonly port: number } | { readonly path: string };
  readonly token: string;
  readonly version: string;
  readonly clock: Clock;
  readonly live: LiveCalls;
  readonly readiness: () => Readiness;
  readonly registry: Registry;
  /** The other workers, whose calls and figures are shown as well. Absent: this one's alone. */
  readonly peers?: () => readonly Peer[];
  /** What is to be known of all workers. */
  readonly workers?: () => readonly WorkerSummary[];
}

export interface WorkerSummary {
  readonly worker: number;
  readonly pid: number;
  readonly calls: number;
  readonly taking: boolean;
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
  const { at, clock, live, peers, token } = options;
  const events = peers ? new AllEvents({ live, peers, token, clock }) : live;
  const streams = createEventStreams({ live: events, clock });
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
    const url = await app.listen({ ...at });
    return {
      url,
      async close() {
        streams.close();
        await app.close();
      },
    };
  } catch (error) {
    await app.close();
    throw "port" in at ? listenError(error, at.host, at.port) : error;
  }
}

function healthRoutes(app: FastifyInstance, options: ServerOptions): void {
  const { clock, version, readiness, registry, peers, workers, token } = options;
  const startMs = clock.now();
  app.get("/healthz", () => ({
    status: "ok",
    version,
    pid: process.pid,
    seconds: Math.round((clock.now() - startMs) / 1000),
    ...(workers && { workers: workers() }),
  }));
  app.get("/readyz", async (_request, reply) => {
    const own = readiness();
    // One worker that takes calls is enough for the service.
    const others = own.ready || !peers ? [] : await askPeers(peers(), "/readyz", token);
    const state = others.find(({ status }) => status === 200)?.body ?? own;
    return reply.code(state === own && !own.ready ? 503 : 200).send(state);
  });
  app.get("/metrics", async (_request, reply) => {
    const others = peers ? await askPeers(peers(), "/metrics.json", token) : [];
    const all = others.length > 0 ? await together(registry, others) : registry;
    return reply.type(all.contentType).send(await all.metrics());
  });
  if (!peers) app.get("/metrics.json", () => registry.getMetricsAsJSON());
}

/** Figures of one name and the same labels are one: a worker that takes over stands beside the one that leaves. */
async function together(own: Registry, others: readonly PeerAnswer[]): Promise<Registry> {
  const bodies = others.flatMap(({ body }) => (Array.isArray(body) ? [body as object] : []));
  return AggregatorRegistry.aggregate([await own.getMetricsAsJSON(), ...bodies]);
}

function apiRoutes(app: FastifyInstance, { token, live, peers }: ServerOptions, streams: EventStreams): void {
  app.register(async (api) => {
    api.addHook("onRequest", async (request, reply) => {
      if (isAuthorised(request.headers.authorization, token)) return undefined;
      reply.header("www-authenticate", "Bearer");
      return reply.code(401).send({ error: "The API wants the token of the state folder: Authorization: Bearer …" });
    });
    api.get("/api/calls", async () => {
      const others = peers ? await askPeers(peers(), "/api/calls", token) : [];
      return { calls: [...live.list(), ...others.flatMap(callsIn)] };
    });
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
