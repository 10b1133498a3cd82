import type { FakeAsterisk } from "./fake-asterisk.ts";

export interface RestAnswer {
  readonly status: number;
  readonly reason: string;
  readonly body?: unknown;
}

export interface RestQuestion {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
}

const ok = (body: unknown): RestAnswer => ({ status: 200, reason: "OK", body });
const done: RestAnswer = { status: 204, reason: "No Content" };
const no = (status: number, message: string): RestAnswer => ({ status, reason: message, body: { message } });

/** ARI's requests, as far as they matter outside Stasis: what sets or moves a channel there is answered with 409. */
export function answerAri(pbx: FakeAsterisk, { method, path, query, body }: RestQuestion): RestAnswer {
  const [room = "", id = "", what = ""] = path.split("/");
  if (room === "asterisk") return asterisk(pbx, { method, what: id, module: what, query });
  if (room === "applications") return application(pbx, { id, what, query, body });
  if (room === "channels") return id === "" ? ok(pbx.channelObjects()) : channel(pbx, { method, id, what, query });
  return no(404, "Resource not found");
}

function asterisk(
  pbx: FakeAsterisk,
  { method, what, module, query }: { method: string; what: string; module: string; query: RestQuestion["query"] },
): RestAnswer {
  if (what === "ping") return ok({ ping: "pong" });
  if (what === "info") return ok({ system: { version: pbx.version } });
  if (what === "modules")
    return pbx.modules.has(module) ? ok({ name: module, status: "Running" }) : no(404, "Module not found");
  const name = query.variable ?? "";
  if (what === "variable" && method === "POST") {
    pbx.setGlobal(name, query.value ?? "");
    return done;
  }
  if (what !== "variable") return no(404, "Resource not found");
  const value = name === "EPOCH" ? String(pbx.epoch()) : pbx.globals.get(name);
  return value === undefined ? no(404, "Provided variable was not found") : ok({ value });
}

function application(
  pbx: FakeAsterisk,
  { id, what, query, body }: { id: string; what: string; query: RestQuestion["query"]; body: unknown },
): RestAnswer {
  const app = pbx.applications.get(id);
  if (id === "") return ok([...pbx.applications.keys()].map((name) => ({ name })));
  if (!app) return no(404, "Application not found");
  if (what === "subscription") app.subscribed ||= query.eventSource === "channel:";
  if (what === "eventFilter")
    app.allowed = new Set((body as { allowed: { type: string }[] }).allowed.map(({ type }) => type));
  return ok({ name: id });
}

function channel(
  pbx: FakeAsterisk,
  { method, id, what, query }: { method: string; id: string; what: string; query: RestQuestion["query"] },
): RestAnswer {
  const call = pbx.callWith(id);
  if (!call) return no(404, "Channel not found");
  const isMedia = call.mediaChannel === id;
  if (method === "DELETE") {
    if (!isMedia) call.hangUp(16);
    else call.media ? call.media.end() : call.mediaEnded();
    return done;
  }
  if (method !== "GET") return no(409, "Channel not in Stasis application");
  if (what === "") return ok(isMedia ? call.mediaChannelObject() : call.channel());
  const name = query.variable ?? "";
  const value = isMedia && name === "MEDIA_WEBSOCKET_CONNECTION_ID" ? call.connection : call.variables.get(name);
  return value === undefined ? no(404, "Provided variable was not found") : ok({ value });
}
