import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import { FakeAmi } from "./fake-ami.ts";
import { answerAri, type RestAnswer } from "./fake-ari.ts";
import { AudioSocketMedia, type FakeMedia, WebsocketMedia } from "./fake-media.ts";
import { type DialOptions, LentCall } from "./lent-call.ts";

/** As ARI sends it. */
export interface FakeEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

interface Application {
  readonly socket: WebSocket;
  subscribed: boolean;
  allowed: ReadonlySet<string> | undefined;
}

/**
 * Asterisk as Sidetone sees it: ARI (events and requests over one websocket, requests over HTTP too), chan_websocket's
 * media connections, the manager interface, and callers. Its behaviour is what was measured on 22.10.1.
 */
export class FakeAsterisk {
  readonly globals = new Map<string, string>();
  readonly applications = new Map<string, Application>();
  readonly modules = new Set(["chan_websocket.so", "chan_audiosocket.so"]);
  readonly ami: FakeAmi;
  /** What functions of the dialplan say to whoever asks without a channel. */
  readonly functions = new Map([
    ["DIALPLAN_EXISTS(sidetone-in,100,1)", "1"],
    ["DIALPLAN_EXISTS(sidetone-menu,s,1)", "1"],
    ["AST_CONFIG(indications.conf,general,country)", "us"],
    ["AST_CONFIG(indications.conf,us,sidetone-wait)", "0/1000"],
  ]);
  ariPassword = "ari-secret";
  amiPassword = "ami-secret";
  version = "22.10.1";
  /** Versions before 20.14 and 22.4 take no requests over the websocket. */
  restOverWebsocket = true;
  /** Takes connections and answers nothing more, as after asterisk#2170. */
  wedged = false;
  /** So many who connect to a call come in the same moment, and are let in. */
  mediaAtOnce = 1;
  readonly unheard: WebsocketMedia[] = [];
  readonly #waiting: WebSocket[] = [];
  /** The milder form: everything answers but GET /applications. */
  wedgedApplications = false;
  /** What ListCommands shows. */
  allowedActions: Readonly<Record<string, string>> = {
    Setvar: "Sets a channel variable",
    Getvar: "Gets a channel variable or function value",
    PlayDTMF: "Play DTMF signal",
  };
  /** Every media connection that was asked for, with the status it got. */
  readonly mediaRequests: number[] = [];
  readonly connections: { at: number; path: string; authorization: string }[] = [];
  readonly #calls = new Map<string, LentCall>();
  readonly #sockets = new Set<Duplex>();
  readonly #running = new Set<Promise<void>>();
  #http: Server = createServer();
  #port = 0;
  #serial = 0;

  constructor() {
    this.globals.set("SIDETONE_MEDIA", "websocket");
    this.ami = new FakeAmi(
      () => this.amiPassword,
      (action, fields) => this.#amiAction(action, fields),
    );
  }

  get port(): number {
    return this.#port;
  }

  get calls(): readonly LentCall[] {
    return [...this.#calls.values()];
  }

  async start(): Promise<void> {
    await Promise.all([this.ami.start(), this.startHttp()]);
  }

  /** The HTTP server alone, at the port that it had before. */
  async startHttp(): Promise<void> {
    const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
    this.#http = createServer((request, response) => void this.#onRequest(request, response));
    this.#http.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      // A controller that was killed is no fault of the PBX.
      socket.on("error", () => {});
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#http.on("upgrade", (request, socket, head) => this.#onUpgrade(sockets, request, socket, head));
    this.#http.listen(this.#port, "127.0.0.1");
    await once(this.#http, "listening");
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  /** No new connections, and no events; calls that are up keep their media. */
  closeDoor(): void {
    this.#http.close();
    this.cutAri();
  }

  async stopHttp(): Promise<void> {
    if (this.#http.listening) this.#http.close();
    const gone = [...this.#sockets].map((socket) => once(socket, "close"));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(gone);
  }

  async stop(): Promise<void> {
    for (const call of this.calls) call.hangUp();
    await Promise.all([this.stopHttp(), this.ami.stop()]);
    await Promise.all(this.#running);
  }

  /** Cuts the events' websockets; media connections stay. */
  cutAri(): void {
    for (const { socket } of this.applications.values()) socket.terminate();
  }

  dial(options: DialOptions = {}): LentCall {
    this.#serial += 2;
    const call = new LentCall(this, options, this.#serial);
    this.#calls.set(call.id, call);
    const running = call.run();
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
    return call;
  }

  forget(call: LentCall): void {
    this.#calls.delete(call.id);
  }

  callWith(id: string): LentCall | undefined {
    return this.calls.find((call) => call.id === id || (call.mediaChannel === id && (call.media || call.waiting)));
  }

  channelObjects(): object[] {
    return this.calls.flatMap((call) => [
      call.channel(),
      ...(call.media || call.waiting ? [call.mediaChannelObject()] : []),
    ]);
  }

  epoch(): number {
    return Math.floor(Date.now() / 1000);
  }

  setGlobal(name: string, value: string): void {
    this.globals.set(name, value);
  }

  /** To whoever is subscribed and lets it through. */
  event(event: FakeEvent): void {
    for (const app of this.applications.values()) if (app.subscribed) this.#send(app, event);
  }

  /** Text as it is, to every events' websocket. */
  say(text: string): void {
    for (const { socket } of this.applications.values()) socket.send(text);
  }

  audioSocketMedia(call: LentCall, socket: Socket): FakeMedia {
    return new AudioSocketMedia(socket, call);
  }

  // The filter takes RESTResponse away too, unless it is allowed.
  #send(app: Application, message: FakeEvent): void {
    if (app.allowed === undefined || app.allowed.has(message.type)) app.socket.send(JSON.stringify(message));
  }

  #onUpgrade(sockets: WebSocketServer, request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const url = new URL(request.url ?? "", "http://fake");
    this.connections.push({
      at: performance.now(),
      path: url.pathname + url.search,
      authorization: request.headers.authorization ?? "",
    });
    const accept = (then: (socket: WebSocket) => void): void => sockets.handleUpgrade(request, socket, head, then);
    if (url.pathname === "/ari/events") {
      if (this.#mayPass(request)) accept((client) => this.#onController(client, url.searchParams.get("app") ?? ""));
      else refuse(socket, 401);
      return;
    }
    const id = url.pathname.replace(/^\/media\//, "");
    const call = this.calls.find(({ connection, place }) => connection === id && place === "lent");
    this.mediaRequests.push(call ? (call.media ? 409 : 101) : 404);
    if (call && !call.media) accept((client) => this.#onMedia(client, call));
    else refuse(socket, call ? 409 : 404);
  }

  /** Asterisk looks whether somebody is there before it has answered; of those that come meanwhile it listens to the last. */
  #onMedia(client: WebSocket, call: LentCall): void {
    this.#waiting.push(client);
    if (this.#waiting.length < this.mediaAtOnce) return;
    const all = this.#waiting.splice(0).map((each) => new WebsocketMedia(each, call));
    const last = all.pop();
    for (const one of all) one.unheard = true;
    this.unheard.push(...all);
    if (last) call.answer(last);
  }

  #onController(socket: WebSocket, name: string): void {
    const app: Application = { socket, subscribed: false, allowed: undefined };
    this.applications.set(name, app);
    socket.on("close", () => {
      if (this.applications.get(name) === app) this.applications.delete(name);
    });
    socket.on("message", (data: Buffer) => {
      if (!this.restOverWebsocket || this.wedged) return;
      const { request_id, method, uri, query_strings = [], message_body } = JSON.parse(data.toString());
      if (this.wedgedApplications && uri === "applications") return;
      const query = Object.fromEntries(
        query_strings.map(({ name: key, value }: { name: string; value: string }) => [key, value]),
      );
      const body = message_body === undefined ? undefined : JSON.parse(message_body);
      const { status, reason, body: answer } = answerAri(this, { method, path: uri, query, body });
      const content =
        answer === undefined ? {} : { content_type: "application/json", message_body: JSON.stringify(answer) };
      this.#send(app, {
        type: "RESTResponse",
        request_id,
        status_code: status,
        reason_phrase: reason,
        uri,
        ...content,
      });
    });
  }

  async #onRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.wedged) return;
    const url = new URL(request.url ?? "", "http://fake");
    let text = "";
    for await (const chunk of request) text += chunk;
    const question = {
      method: request.method ?? "",
      path: url.pathname.replace(/^\/ari\//, ""),
      query: Object.fromEntries(url.searchParams),
      body: text === "" ? undefined : JSON.parse(text),
    };
    const unauthorised: RestAnswer = {
      status: 401,
      reason: "Unauthorized",
      body: { message: "Authentication required" },
    };
    const { status, body } = this.#mayPass(request) ? answerAri(this, question) : unauthorised;
    response
      .writeHead(status, { "content-type": "application/json" })
      .end(body === undefined ? "" : JSON.stringify(body));
  }

  #mayPass({ headers }: IncomingMessage): boolean {
    return headers.authorization === `Basic ${Buffer.from(`sidetone:${this.ariPassword}`).toString("base64")}`;
  }

  #amiAction(
    action: string,
    { Channel = "", Variable = "", Value = "", Digit = "" }: Readonly<Record<string, string>>,
  ): Record<string, string> {
    if (action === "ListCommands") return { ...this.allowedActions };
    if (action === "Getvar" && Channel === "") return { Value: this.functions.get(Variable) ?? "" };
    const call = this.calls.find(({ id }) => id === Channel);
    if (!call) throw new Error("No such channel");
    if (action === "Setvar") call.variables.set(Variable, Value);
    else if (action === "PlayDTMF") call.hearDigit(Digit);
    else throw new Error("Invalid/unknown command");
    return { Message: "done" };
  }
}

const refuse = (socket: Duplex, status: number): void => {
  socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
};
