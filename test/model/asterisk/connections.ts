import { LineMedia } from "../../../src/audio/line-media.ts";
import { OutsideError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { withDeadline } from "../../../src/base/signals.ts";
import { type AriClientOptions, AriError, type Query } from "../../../src/engines/asterisk/ari.ts";
import { type Connections, createAsterisk } from "../../../src/engines/asterisk/engine.ts";
import type { Line } from "../../../src/engines/asterisk/line.ts";
import { asteriskOptions } from "../../../src/engines/asterisk/options.ts";
import type { Attached } from "../pbx.ts";
import { type Process, TEARDOWN_MS, Wire, type World } from "../world.ts";
import type { AsteriskCall, MediaChannel, ModelAsterisk, ModelEvent } from "./pbx.ts";

const REQUEST_MS = 2000;
const OPEN_MS = 450;
const LATE_MS = 6;
const NO_SOUND = { send() {}, flush() {} };

const OPTIONS = asteriskOptions.parse({ ari: { password: "x" }, ami: { password: "x" }, presence: true });

interface Links {
  readonly connections: Connections;
  /** For so long nothing passes between this worker and ARI, or the manager interface. */
  hold(what: "ari" | "ami", ms: number): void;
  /** ARI's connection is lost; it comes back by itself. */
  cutAri(): void;
  /** Which call's sound a medium carries. */
  channelOf(media: unknown): MediaChannel | undefined;
}

/** The product's engine, at the modelled Asterisk. */
export function attached(pbx: ModelAsterisk, process: Process): Attached {
  const links = linksOf(pbx.world, pbx, process);
  const failing: readonly ((hang: () => number) => void)[] = [
    () => links.cutAri(),
    (hang) => links.hold("ari", hang()),
    (hang) => links.hold("ami", hang()),
  ];
  return {
    engine: createAsterisk(OPTIONS, { clock: process.clock, log: silentLog }, links.connections),
    channelOf: links.channelOf,
    fail: (which, hang) => failing[which]?.(hang),
  };
}

/** How one worker reaches the modelled PBX: what the engine's own clients promise, with messages that take their time. */
function linksOf(world: World, pbx: ModelAsterisk, process: Process): Links {
  const wires = { toAri: wire(), fromAri: wire(), toAmi: wire(), fromAmi: wire() };
  const channels = new WeakMap<object, MediaChannel>();
  let cutAri = (): void => {};
  function wire(): Wire {
    return new Wire(world, LATE_MS);
  }
  return {
    connections: {
      ari(options) {
        const client = new ModelAri(world, pbx, { process, wires, options });
        cutAri = () => client.cut();
        return client;
      },
      ami: ({ clock }) => ({
        health: { state: "connected", detail: "" },
        run: () => Promise.resolve(),
        action: async () => ({}) as never,
        setVariable(channel, name, value) {
          const set = (): Promise<void> =>
            asked(wires.toAmi, wires.fromAmi, process, () => {
              const call = pbx.calls.get(channel);
              if (!call) throw new OutsideError("refused", "No such channel");
              call.variables.set(name, value);
            });
          return withDeadline(set, { clock, ms: REQUEST_MS, message: "the manager interface does not answer" });
        },
      }),
      async media({ id, clock, signal }) {
        const message = "no media";
        // Whoever gives up closes what he may have opened.
        const abandoned = new AbortController();
        const opened = (): Promise<Line> =>
          openLine(world, pbx, { id, process, channels, abandoned: abandoned.signal });
        return withDeadline(opened, { clock, ms: OPEN_MS, message, signal }).catch((error: unknown) => {
          abandoned.abort();
          throw error;
        });
      },
      presence: () => presenceOf(world, pbx, process),
    },
    hold(what, ms) {
      const [there, back] = what === "ari" ? [wires.toAri, wires.fromAri] : [wires.toAmi, wires.fromAmi];
      there.heldUntilMs = world.nowMs + ms;
      back.heldUntilMs = world.nowMs + ms;
    },
    cutAri: () => cutAri(),
    channelOf: (media) => channels.get(media as object),
  };
}

/** A question and its answer, each on its way for a while. */
function asked<T>(there: Wire, back: Wire, process: Process, work: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    there.send(() => {
      let outcome: () => void;
      try {
        const value = work();
        outcome = () => resolve(value);
      } catch (error) {
        outcome = () => reject(error);
      }
      back.send(() => process.deliver(outcome));
    });
  });
}

interface AriParts {
  readonly process: Process;
  readonly wires: { readonly toAri: Wire; readonly fromAri: Wire };
  readonly options: AriClientOptions;
}

class ModelAri {
  readonly malformed = 0;
  connected = false;
  readonly #world: World;
  readonly #pbx: ModelAsterisk;
  readonly #parts: AriParts;
  #connection = new AbortController();

  constructor(world: World, pbx: ModelAsterisk, parts: AriParts) {
    this.#world = world;
    this.#pbx = pbx;
    this.#parts = parts;
  }

  get health() {
    return { state: this.connected ? ("connected" as const) : ("connecting" as const), detail: "" };
  }

  async run(signal: AbortSignal): Promise<void> {
    const { process, options } = this.#parts;
    const { clock } = process;
    while (!signal.aborted) {
      const connection = new AbortController();
      this.#connection = connection;
      await clock.sleep(this.#world.between(1, 8), signal).catch(() => {});
      const listener = (event: ModelEvent): void => this.#onEvent(event, connection.signal);
      this.#pbx.listeners.add(listener);
      process.onDeath(() => this.#pbx.listeners.delete(listener));
      try {
        await options.onConnected(connection.signal);
        this.connected = true;
        await new Promise<void>((resolve) => {
          for (const over of [connection.signal, signal])
            over.addEventListener("abort", () => resolve(), { once: true });
          if (connection.signal.aborted) resolve();
        });
      } catch {
        // Lost while it was being prepared: once more.
      }
      this.connected = false;
      this.#pbx.listeners.delete(listener);
      connection.abort(new OutsideError("closed", "lost"));
      await clock.sleep(this.#world.between(80, 120), signal).catch(() => {});
    }
  }

  drop(): void {
    this.cut();
  }

  cut(): void {
    this.#connection.abort(new OutsideError("closed", "lost"));
  }

  async request(method: string, path: string, query: Query = {}): Promise<unknown> {
    const { process, wires } = this.#parts;
    const ask = (): Promise<unknown> =>
      asked(wires.toAri, wires.fromAri, process, () => answer(this.#pbx, { method, path, query }));
    const message = "ARI does not answer";
    return withDeadline(ask, { clock: process.clock, ms: REQUEST_MS, message, signal: this.#connection.signal });
  }

  async variable(name: string, channel?: string): Promise<string> {
    const path = channel === undefined ? "asterisk/variable" : `channels/${channel}/variable`;
    try {
      return String(((await this.request("GET", path, { variable: name })) as { value: string }).value);
    } catch (error) {
      if (error instanceof AriError && error.status === 404) return "";
      throw error;
    }
  }

  async setGlobal(name: string, value: string): Promise<void> {
    await this.request("POST", "asterisk/variable", { variable: name, value });
  }

  /** Now and then twice: the event itself, and what somebody found who looked around after a lost connection. */
  #onEvent(event: ModelEvent, connection: AbortSignal): void {
    const { process, wires, options } = this.#parts;
    const told =
      event.type === "lent"
        ? { ...event, type: "lent" as const, kind: "websocket" }
        : { type: "gone" as const, channel: event.channel, cause: 16, destroyed: event.destroyed };
    const times = event.type === "lent" && this.#world.chance(0.05) ? 2 : 1;
    for (let time = 0; time < times; time++)
      wires.fromAri.send(() => process.deliver(() => connection.aborted || options.onEvent(told)));
  }
}

function answer(pbx: ModelAsterisk, { method, path, query }: { method: string; path: string; query: Query }): unknown {
  const [room, id = "", what = ""] = path.split("/");
  if (room === "asterisk") {
    if (id === "info") return { system: { version: "22.10.1" } };
    if (id === "modules") return { status: "Running" };
    const { variable = "", value = "" } = query;
    if (method === "POST") return void pbx.globals.set(variable, value);
    if (variable === "EPOCH") return { value: String(Math.floor(pbx.world.clock.wall() / 1000)) };
    return { value: pbx.globals.get(variable) ?? "" };
  }
  if (id === "") return channelsOf(pbx);
  const call = pbx.calls.get(id);
  const media = [...pbx.media.values()].find((one) => one.id === id && one.state !== "gone");
  if (!call && !media) throw new AriError(404, "Channel not found");
  if (method === "DELETE") {
    if (media) media.end();
    else call?.hangUp();
    return undefined;
  }
  if (what === "") return call ? callObject(call) : { id, name: `WebSocket/INCOMING/${id}`, state: media?.state };
  const name = query.variable ?? "";
  if (name === "MEDIA_WEBSOCKET_CONNECTION_ID") return { value: media?.connection ?? "" };
  if (name === "CHANNEL(linkedid)") return { value: call?.id ?? callOf(pbx, media)?.id ?? "" };
  return { value: call?.variables.get(name) ?? "" };
}

const callOf = (pbx: ModelAsterisk, media: MediaChannel | undefined): AsteriskCall | undefined =>
  [...pbx.calls.values()].find((call) => call.media === media);

const callObject = (call: AsteriskCall): object => ({
  ...{ id: call.id, name: "PJSIP/trunk-1", state: "Up", caller: { name: "", number: "100" }, language: "en" },
  dialplan: { context: "sidetone-in", exten: "3000", app_data: call.appData },
});

const channelsOf = (pbx: ModelAsterisk): object[] => [
  ...[...pbx.calls.values()].map(callObject),
  ...[...pbx.media.values()]
    .filter(({ state }) => state !== "gone")
    .map(({ id, state }) => ({ id, name: `WebSocket/INCOMING/${id}`, state })),
];

interface Opening {
  readonly id: string;
  readonly process: Process;
  readonly channels: WeakMap<object, MediaChannel>;
  readonly abandoned: AbortSignal;
}

async function openLine(
  world: World,
  pbx: ModelAsterisk,
  { id, process, channels, abandoned }: Opening,
): Promise<Line> {
  const [there, back] = [new Wire(world, LATE_MS), new Wire(world, LATE_MS)];
  const channel = await asked(there, back, process, () => {
    const media = pbx.media.get(id);
    if (!media || media.state === "gone") throw new OutsideError("unknown", "404");
    if (media.state === "Up" && !pbx.faults.sharedMedia) throw new OutsideError("taken", "409");
    media.state = "Up";
    media.holders.push(process);
    media.onUp();
    if (process.state === "dead") world.after(world.between(0, TEARDOWN_MS), () => media.end());
    process.onDeath(() => world.after(world.between(0, TEARDOWN_MS), () => media.end()));
    return media;
  });
  const letGo = (): void => there.send(() => channel.end());
  if (abandoned.aborted) letGo();
  else abandoned.addEventListener("abort", letGo, { once: true });
  const closed = Promise.withResolvers<void>();
  let media: LineMedia | undefined;
  const tellClosed = (): void => back.send(() => process.deliver(() => closed.resolve()));
  if (channel.state === "gone") tellClosed();
  else channel.onEnd.push(tellClosed);
  return {
    get media() {
      media ??= new LineMedia({ clock: process.clock, rate: 8000, sink: NO_SOUND, leadMs: 100 });
      channels.set(media, channel);
      return media;
    },
    closed: closed.promise,
    onDigit() {},
    async hangUp() {
      there.send(() => channel.end());
      await closed.promise;
    },
  };
}

/** Shown as long as the worker lives and wants it. */
function presenceOf(world: World, pbx: ModelAsterisk, process: Process) {
  const over = new AbortController();
  const mark = {};
  process.onDeath(() => world.after(world.between(0, TEARDOWN_MS), () => pbx.present.delete(mark)));
  return {
    async hold(connection: AbortSignal): Promise<void> {
      await process.clock.sleep(world.between(5, 30));
      if (connection.aborted || over.signal.aborted) return;
      pbx.present.add(mark);
      const gone = (): void => {
        world.after(world.between(0.1, LATE_MS), () => pbx.present.delete(mark));
      };
      for (const signal of [connection, over.signal]) signal.addEventListener("abort", gone, { once: true });
    },
    drop: () => over.abort(),
    // The network is never cut here: see test/failover/standby.real.test.ts.
    holds() {},
  };
}
