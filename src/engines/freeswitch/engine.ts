import type { Clock } from "../../base/clock.ts";
import { codeOf, isCancellation, messageOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { Engine, EngineHealth, Leg } from "../../call/engine.ts";
import { transferResultOf } from "../../call/handover.ts";
import type { EngineContext } from "../context.ts";
import { isLoopback } from "../loopback.ts";
import { Recorded } from "../recorded.ts";
import { fuseIn } from "./deadman.ts";
import { EslClient, type EslClientOptions } from "./esl/client.ts";
import type { EslConnection } from "./esl/connection.ts";
import type { EslEvent } from "./esl/event.ts";
import { EslServer, type EslServerOptions, type OutboundCall } from "./esl/server.ts";
import { Fuses } from "./fuses.ts";
import { HostBeat } from "./host-beat.ts";
import { LentCall, variablesOf } from "./lent-call.ts";
import { createMedia } from "./media/media.ts";
import type { MediaOptions } from "./media/options.ts";
import { type Ask, type Media, type MediaContext, type MediaCounts, noMediaCounts } from "./media/port.ts";
import type { FreeswitchOptions } from "./options.ts";
import { tellPolicy } from "./recording.ts";
import { explainRefusedOffer, incomingFilters } from "./refused-offer.ts";
import { GLOBAL, VARIABLE, variableIn } from "./variables.ts";
import { livingCalls } from "./waiting.ts";

const LISTEN_AGAIN_MS = 250;
// A call whose confirmation takes longer is better off in the menu.
const CONFIRM_MS = 500;
const COUNT_MS = 1000;
const EVENTS = ["ADD_SCHEDULE", "RECORD_STOP"];
// What the dialplan tells by itself.
const TOLD = ["sidetone::transfer", "sidetone::override"];
// How soon somebody looks for recordings whose worker has died.
const SWEEP_MS = 10_000;
const UNSET = "_undef_";

/** How the engine reaches its FreeSWITCH. Whoever walks through its states in virtual time brings others. */
export interface Connections {
  esl(options: EslClientOptions): EslClient;
  server(options: EslServerOptions): Pick<EslServer, "listen" | "shut" | "close">;
  media(options: MediaOptions, context: MediaContext): Media;
}

const overTheNetwork: Connections = {
  esl: (options) => new EslClient(options),
  server: (options) => new EslServer(options),
  media: createMedia,
};

export function createFreeswitch(
  options: FreeswitchOptions,
  context: EngineContext,
  connections: Connections = overTheNetwork,
): Engine {
  return new FreeswitchEngine(options, context, connections);
}

/** Calls that a FreeSWITCH's dialplan lends: it connects with each, is asked whether that is true, and hears over the same connection what comes next. */
class FreeswitchEngine implements Engine {
  readonly name = "freeswitch";
  readonly #options: FreeswitchOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: Metrics | undefined;
  readonly #esl: EslClient;
  readonly #server: Pick<EslServer, "listen" | "shut" | "close">;
  readonly #media: Media;
  readonly #counts: MediaCounts = noMediaCounts();
  readonly #calls = new Map<string, LentCall>();
  readonly #fuses = new Fuses();
  readonly #recorded: Recorded;
  readonly #context: EngineContext;
  #onLeg: (leg: Leg) => Promise<void> = () => Promise.resolve();
  #detector: "spandsp_start_dtmf" | "start_dtmf" = "start_dtmf";
  #portFault = "The port for lent calls is not open yet.";
  #draining = false;

  constructor(options: FreeswitchOptions, context: EngineContext, connections: Connections) {
    const { clock, log, metrics, recordings, siblings } = context;
    this.#options = options;
    this.#context = context;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
    this.#recorded = new Recorded({
      store: recordings,
      living: () => livingCalls((command) => this.#api(command)),
    });
    this.#media = connections.media(options.media, { clock, log, counts: this.#counts });
    this.#esl = connections.esl({
      access: options.esl,
      clock,
      log,
      onEvent: (event) => this.#onEvent(event),
      onConnected: (connection) => this.#onConnected(connection),
    });
    const { host, port } = options.lend;
    const shared = siblings !== undefined;
    this.#server = connections.server({ host, port, shared, clock, log, onCall: (call) => this.#onCall(call) });
  }

  get health(): EngineHealth {
    if (this.#esl.health.state !== "connected" || this.#portFault === "") return this.#esl.health;
    return { state: "connecting", detail: this.#portFault };
  }

  async run(onLeg: (leg: Leg) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#onLeg = onLeg;
    const timers = [
      this.#clock.every(COUNT_MS, () => this.#showCounts()),
      this.#clock.every(SWEEP_MS, () => this.#recorded.sweep()),
    ];
    const beat = new HostBeat({
      lend: this.#options.lend,
      connection: () => this.#esl.connection,
      wanted: () => !this.#draining && this.#portFault === "",
      ...{ clock: this.#clock, log: this.#log },
    });
    await Promise.all([this.#esl.run(signal), this.#listen(signal), beat.run(signal)]);
    for (const timer of timers) timer.cancel();
    for (const call of this.#calls.values()) call.abandon();
    await this.#server.close();
    await this.#media.close();
  }

  /** The port is shut, so that FreeSWITCH tries the next worker at once, or goes on with its dialplan. */
  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#server.shut();
  }

  /** Opened only when calls can be confirmed: until then FreeSWITCH finds nobody, and nobody waits. */
  async #listen(signal: AbortSignal): Promise<void> {
    const { host, port } = this.#options.lend;
    while (!signal.aborted && !this.#draining) {
      try {
        await this.#esl.connected(signal);
        if (this.#draining) break;
        await this.#server.listen();
        this.#portFault = "";
        this.#log.info({ host, port }, "listening for lent calls");
        return;
      } catch (error) {
        if (isCancellation(error, signal)) return;
        const fault = portFault(error, { host, port });
        if (fault !== this.#portFault) this.#log.error({ detail: fault }, "the port for lent calls cannot be opened");
        this.#portFault = fault;
        await this.#clock.sleep(LISTEN_AGAIN_MS, signal).catch(() => {});
      }
    }
    if (this.#draining) this.#portFault = "";
  }

  async #onConnected(connection: EslConnection): Promise<void> {
    const api: Ask = async (command) => (await connection.api(command)).trimEnd();
    for (const filter of incomingFilters(EVENTS)) await connection.order(filter);
    for (const subclass of TOLD) await connection.order(`filter Event-Subclass ${subclass}`);
    await connection.order(`event plain ${EVENTS.join(" ")} CHANNEL_HANGUP CUSTOM ${TOLD.join(" ")}`);
    const { closed } = connection;
    const local = isLoopback(this.#options.esl.host) && !this.#options.esl.tunnelled;
    const { mode, reason } = await this.#media.choose(api, { local, signal: closed });
    const version = await api("version", closed);
    this.#detector = (await api("module_exists mod_spandsp", closed)) === "true" ? "spandsp_start_dtmf" : "start_dtmf";
    this.#log.info({ version, media: mode, reason }, "this FreeSWITCH lends calls");
    const { recordings, briefs } = this.#context;
    if (recordings) await tellPolicy((command) => api(command, closed), { policy: recordings.policy, log: this.#log });
    if (briefs !== undefined) await api(`global_setvar ${GLOBAL.briefDir}=${briefs}`, closed);
    this.#recorded.sweep();
  }

  #onEvent(event: EslEvent): void {
    const fuse = fuseIn(event, this.#clock.wall());
    if (fuse) {
      const call = this.#calls.get(fuse.uuid);
      if (call) call.lit(fuse.id);
      else this.#fuses.lit(fuse);
      return;
    }
    if (event.name === "RECORD_STOP") this.#stopped(event);
    else if (event.name === "CUSTOM") this.#told(event);
    else explainRefusedOffer(event, this.#log);
  }

  /** Nobody is believed: FreeSWITCH itself is asked, over the connection that we opened, whether this call was lent with this ticket. */
  async #onCall(call: OutboundCall): Promise<void> {
    if (this.#draining) return refuse(call, "drain");
    if (this.#passesOn(call)) return call.connection.leave();
    take(call);
    const ticket = variableIn(call.data, VARIABLE.ticket);
    const before = this.#calls.get(call.uuid);
    if (!(await this.#isLent(call.uuid, ticket)))
      throw new OutsideError("stranger", "Who has connected with a call's id was not lent that call.");
    if (before && ticket !== "" && before.ticket === ticket)
      throw new OutsideError("stranger", "Who has connected with a call's id shows a ticket that was shown before.");
    // Offered again: whatever we still hold of this call is over.
    before?.superseded();
    const lent = new LentCall(call, {
      clock: this.#clock,
      log: this.#log,
      media: this.#media,
      recordings: this.#context.recordings,
      detector: this.#detector,
      fuses: this.#fuses.take(call.uuid),
    });
    this.#calls.set(call.uuid, lent);
    if (lent.raw) this.#recorded.add(call.uuid, lent.raw);
    try {
      await lent.run(this.#onLeg);
    } finally {
      if (this.#calls.get(call.uuid) === lent) this.#calls.delete(call.uuid);
    }
  }

  /** The kernel lets calls in by chance. Who has more to do leaves a new one to the dialplan, which offers it once more, while it may. */
  #passesOn({ data }: OutboundCall): boolean {
    const burden = this.#context.siblings?.burden ?? "even";
    const untaken = variableIn(data, VARIABLE.untaken);
    const first = variableIn(data, VARIABLE.attempt) === "1";
    return first && ((untaken === "none" && burden !== "even") || (untaken === "once" && burden === "full"));
  }

  async #isLent(uuid: string, ticket: string): Promise<boolean> {
    const late = new AbortController();
    const timer = this.#clock.after(CONFIRM_MS, () =>
      late.abort(new OutsideError("timeout", "FreeSWITCH's Event Socket is away: a call could not be confirmed.")),
    );
    try {
      const connection = await this.#esl.connected(late.signal);
      const answer = await connection.api(`uuid_getvar ${uuid} ${VARIABLE.ticket}`, CONFIRM_MS);
      return answer.trimEnd() === (ticket === "" ? UNSET : ticket);
    } catch (error) {
      // "No such channel": there is no call of this id.
      if (codeOf(error) === "refused") return false;
      throw error;
    } finally {
      timer.cancel();
    }
  }

  #told(event: EslEvent): void {
    const subclass = event.get("Event-Subclass");
    const result = transferResultOf(event.get("Sidetone-Result"));
    if (subclass === "sidetone::transfer" && result) this.#context.onTransfer?.(event.get("Sidetone-Call"), result);
    const state = event.get("Sidetone-State");
    if (subclass === "sidetone::override" && (state === "open" || state === "closed" || state === "off"))
      this.#context.onOverride?.(state);
  }

  #stopped(event: EslEvent): void {
    const uuid = event.get("Unique-ID");
    const path = event.get("Record-File-Path");
    // A recording of somebody else's on the same channel goes on or ends as it likes.
    this.#recorded.finished(uuid, ({ startedEpochSeconds }) => path.includes(`${startedEpochSeconds}-${uuid}`));
  }

  async #api(command: string): Promise<string> {
    const { connection } = this.#esl;
    if (!connection) throw new OutsideError("closed", "There is no connection to FreeSWITCH.");
    return connection.api(command);
  }

  #showCounts(): void {
    const dropped = this.#counts.droppedFrames + this.#counts.staleFrames;
    if (dropped > 0) this.#metrics?.framesDropped.inc(dropped);
    Object.assign(this.#counts, { droppedFrames: 0, staleFrames: 0 });
  }
}

/** From now on our death counts. Before anything that may take its time, and without waiting: who dies unseen costs the call an offer that it has not had. */
function take({ uuid, connection }: OutboundCall): void {
  connection.together([`api uuid_setvar ${uuid} ${VARIABLE.taken} yes`]).catch(() => {});
}

/** The dialplan has the call again at once, with a reason. */
async function refuse({ uuid, connection }: OutboundCall, reason: string): Promise<void> {
  const answers = connection.together([`api uuid_setvar_multi ${uuid} ${variablesOf({ next: "menu", reason })}`]);
  connection.leave();
  await answers;
}

function portFault(error: unknown, { host, port }: { host: string; port: number }): string {
  const where = `${host}:${port}`;
  if (codeOf(error) === "EADDRINUSE")
    return `Port ${where} for lent calls is taken: another worker has it, or set engines.freeswitch.lend.port and the dialplan's socket to another one.`;
  return `Port ${where} for lent calls cannot be opened: ${messageOf(error)}`;
}
