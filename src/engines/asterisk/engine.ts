import type { Clock } from "../../base/clock.ts";
import { codeOf, isCancellation, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import { withDeadline, withinBeats } from "../../base/signals.ts";
import type { Engine, EngineHealth, Leg, Next } from "../../call/engine.ts";
import type { Siblings } from "../../call/siblings.ts";
import type { EngineContext } from "../context.ts";
import { Recorded } from "../recorded.ts";
import { parseRecordingWord, rawOf } from "../recording-word.ts";
import { AmiClient, type AmiClientOptions } from "./ami.ts";
import { AriClient, type AriClientOptions, AriError } from "./ari.ts";
import { type AriEvent, fieldOf } from "./ari-events.ts";
import { AudioSocketPort } from "./audiosocket-port.ts";
import { readCaller } from "./caller.ts";
import { capabilityOf, mediaKindOf } from "./capability.ts";
import { FaultCounting } from "./counting.ts";
import { Heartbeat } from "./heartbeat.ts";
import { AsteriskLeg, type Caller, causeOf, nobody } from "./leg.ts";
import { type Line, type LineCounts, noCounts } from "./line.ts";
import { openWebsocketMedia, type WebsocketMediaOptions } from "./media.ts";
import type { AsteriskOptions } from "./options.ts";
import { Presence, type PresenceOptions } from "./presence.ts";
import { shownBy } from "./pulse.ts";
import { asteriskRecording, tellPolicy } from "./recording.ts";
import { Telling } from "./telling.ts";
import { livingCalls, lookAround } from "./waiting.ts";

type Lent = Extract<AriEvent, { type: "lent" }>;
type OnLeg = (leg: Leg) => Promise<void>;

/** One claim on an offered call, from its event until the leg has ended. */
interface Claim {
  leg?: AsteriskLeg;
  /** The caller went before the leg was there. */
  gone: boolean;
  /** The offer's medium. */
  readonly media: string;
}

// Another controller has a call within 100 ms of its being lent, if it has it at all.
const OTHERS_MS = 200;
// What a worker whose turn comes before ours has for connecting to a call; the dialplan waits for half a second.
const TURN_MS = 60;
const TURNS_MAX = 4;
// A caller waits in silence for what is asked of Asterisk; one that answers later is as good as away.
const WHO_MS = 300;
const CAUSE_MS = 200;
const DIGIT_DURATION_MS = "120";
const COUNT_MS = 1000;
// How soon somebody looks for recordings whose worker has died.
const SWEEP_MS = 10_000;

export type Ari = Pick<
  AriClient,
  "run" | "request" | "variable" | "setGlobal" | "drop" | "health" | "connected" | "malformed"
>;
export type Ami = Pick<AmiClient, "run" | "action" | "setVariable" | "health">;

/** How the engine reaches its Asterisk. Whoever walks through its states in virtual time brings others. */
export interface Connections {
  ari(options: AriClientOptions): Ari;
  ami(options: AmiClientOptions): Ami;
  media(options: WebsocketMediaOptions): Promise<Line>;
  presence(options: PresenceOptions): Pick<Presence, "hold" | "drop" | "holds">;
}

const overTheNetwork: Connections = {
  ari: (options) => new AriClient(options),
  ami: (options) => new AmiClient(options),
  media: openWebsocketMedia,
  presence: (options) => new Presence(options),
};

export function createAsterisk(
  options: AsteriskOptions,
  context: EngineContext,
  connections: Connections = overTheNetwork,
): Engine {
  return new AsteriskEngine(options, context, connections);
}

/** Calls that an Asterisk's dialplan lends: hears of them by ARI, takes their sound, and says through the manager interface what comes next. */
class AsteriskEngine implements Engine {
  readonly name = "asterisk";
  readonly #options: AsteriskOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: Metrics | undefined;
  readonly #connections: Connections;
  readonly #ari: Ari;
  readonly #ami: Ami;
  readonly #claims = new Map<string, Claim>();
  readonly #lines = new Set<Line>();
  readonly #telling: Telling;
  readonly #counts: LineCounts = noCounts();
  readonly #recorded: Recorded;
  readonly #heartbeat: Heartbeat;
  readonly #audiosocket: AudioSocketPort;
  readonly #siblings: Siblings | undefined;
  readonly #presence: Pick<Presence, "hold" | "drop" | "holds"> | undefined;
  readonly #context: EngineContext;
  #onLeg: OnLeg = () => Promise.resolve();
  #signal: AbortSignal = AbortSignal.abort();
  #draining = false;

  constructor(options: AsteriskOptions, context: EngineContext, connections: Connections) {
    const { clock, log, metrics, recordings, siblings } = context;
    this.#options = options;
    this.#context = context;
    this.#connections = connections;
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
    this.#siblings = siblings;
    this.#ari = connections.ari({
      options: options.ari,
      clock,
      log,
      onEvent: (event) => this.#onEvent(event),
      onConnected: (signal) => this.#onConnected(signal),
    });
    this.#ami = connections.ami({ options: options.ami, clock, log });
    this.#telling = new Telling({ ari: this.#ari, ami: this.#ami, clock, log });
    this.#recorded = new Recorded({ store: recordings, living: () => livingCalls(this.#ari) });
    const wanted = (): boolean => !this.#draining && !this.#signal.aborted;
    const reached = (): boolean => this.health.state === "connected";
    this.#heartbeat = new Heartbeat({ ari: this.#ari, siblings, wanted, reached, clock, log });
    this.#audiosocket = new AudioSocketPort({
      ...options.audiosocket,
      siblings,
      wanted,
      clock,
      log,
      counts: this.#counts,
    });
    const { presence, pulse } = shownBy(options);
    if (presence || (siblings && siblings.size > 1))
      this.#presence = connections.presence({
        ari: this.#ari,
        ami: this.#ami,
        url: options.ari.url,
        pulse,
        clock,
        log,
      });
  }

  get health(): EngineHealth {
    const [ari, ami] = [this.#ari.health, this.#ami.health];
    if (ari.state === "connected") return ami;
    // Of two faults the one that somebody must mend is named first.
    return ami.state === "refused" && ari.state !== "refused" ? ami : ari;
  }

  async run(onLeg: OnLeg, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    this.#onLeg = onLeg;
    this.#signal = signal;
    // The clients outlive the signal for a moment, so that the dialplan learns at once that nobody is here.
    const clients = new AbortController();
    const running = [this.#ari.run(clients.signal), this.#ami.run(clients.signal)];
    const faults = new FaultCounting({
      clock: this.#clock,
      log: this.#log,
      metrics: this.#metrics,
      counts: this.#counts,
      malformed: () => this.#ari.malformed,
    });
    const counting = this.#clock.every(COUNT_MS, () => faults.show());
    const sweeping = this.#clock.every(SWEEP_MS, () => this.#recorded.sweep());
    await this.#heartbeat.run(signal);
    counting.cancel();
    sweeping.cancel();
    this.#presence?.drop();
    await this.#heartbeat.stop();
    clients.abort();
    await Promise.all(running);
    await this.#audiosocket.close();
    // Lines that are still up are let go; their calls are in the dialplan then.
    await Promise.all([...this.#lines].map((line) => line.hangUp()));
    for (const { leg } of this.#claims.values()) leg?.end("normal");
  }

  drain(): void {
    if (this.#draining) return;
    this.#draining = true;
    this.#presence?.drop();
    if (this.#siblings?.othersTake) this.#audiosocket.shut();
    this.#later(this.#heartbeat.stop(), "the heartbeat could not be stopped");
  }

  async #onConnected(signal: AbortSignal): Promise<void> {
    const capability = await capabilityOf(this.#ari);
    const kind = mediaKindOf(this.#options.media, capability);
    if (kind === "audiosocket") await this.#audiosocket.listenOrStandBy(signal);
    this.#log.info({ version: capability.version, media: kind }, "this Asterisk lends calls");
    // Calls that come while Asterisk is asked are in no list, and are not over.
    const [claims, recorded] = [[...this.#claims], this.#recorded.calls];
    const { channels, waiting } = await lookAround(this.#ari);
    signal.throwIfAborted();
    for (const [call, { leg }] of claims) if (!channels.has(call)) leg?.end("normal");
    for (const offer of waiting) this.#onLent(offer);
    const { recordings, briefs } = this.#context;
    if (recordings) await tellPolicy(this.#ari, { policy: recordings.policy, log: this.#log });
    if (briefs !== undefined) await this.#ari.setGlobal("SIDETONE_BRIEF_DIR", briefs);
    // Whatever ended while nobody listened, here or under a worker that has died.
    for (const call of recorded) if (!channels.has(call)) this.#recorded.forget(call);
    this.#recorded.sweep();
    if (this.#draining) return;
    await this.#heartbeat.beat();
    // AudioSocket goes to one address, and so to one worker.
    if (kind === "websocket" && this.#presence)
      this.#later(this.#presence.hold(signal), "this worker's presence could not be shown");
  }

  #onEvent(event: AriEvent): void {
    if (event.type === "lent") {
      this.#onLent(event);
      return;
    }
    if (event.type === "hold" || event.type === "unhold") {
      this.#onHold(event.channel, event.type === "hold" ? "held" : "resumed");
      return;
    }
    if (event.type === "recorded") {
      this.#recorded.finished(event.call);
      return;
    }
    if (event.type === "transfer") {
      this.#context.onTransfer?.(event.call, event.result);
      return;
    }
    if (event.type === "override") {
      this.#context.onOverride?.(event.state);
      return;
    }
    if (event.type === "gone" && event.destroyed) this.#recorded.finished(event.channel);
    const claim = this.#claims.get(event.channel);
    if (event.type === "digit")
      claim?.leg?.happened({ type: "dtmf", digit: event.digit, durationMs: event.durationMs });
    else if (claim) {
      claim.gone = true;
      claim.leg?.end(causeOf(event.cause));
    }
  }

  /** Keys pass through a Local channel and are told there as well; a hold is told at the phone's own channel alone. */
  #onHold(channel: string, type: "held" | "resumed"): void {
    for (const { leg } of this.#claims.values())
      if (leg && (leg.id === channel || leg.origin === channel)) leg.happened({ type });
  }

  #onLent(offer: Lent): void {
    const held = this.#claims.get(offer.call);
    // One offer may be told twice: by whoever looks around after a lost connection, and by the event.
    if (held?.media === offer.media) return;
    // Offered again: whatever we still hold of this call is over.
    held?.leg?.end("normal");
    const unsaid = this.#telling.unsaid(offer.call);
    if (unsaid) this.#later(this.#refuse(offer, unsaid), "a call could not be refused");
    else if (this.#draining) this.#later(this.#leaveToOthers(offer), "a call could not be refused");
    else this.#later(this.#takeInTurn(offer), "a call could not be taken");
  }

  /** All workers hear of a call, and the least loaded has it first. Whose worker has died is not to wait for anybody's turn. */
  async #takeInTurn(offer: Lent): Promise<void> {
    if (this.#audiosocket.standingBy) return;
    const anyone = offer.attempt > 1 || offer.kind === "audiosocket";
    const turn = anyone ? 0 : (this.#siblings?.turnFor(offer.call) ?? 0);
    if (turn > 0) await this.#clock.sleep(Math.min(turn, TURNS_MAX) * TURN_MS, this.#signal);
    const siblings = this.#siblings;
    if (siblings && (this.#draining || !(await siblings.claim(offer.media, offer.kind !== "audiosocket")))) return;
    this.#log.debug({ call: offer.call, attempt: offer.attempt, turn }, "a call is this worker's to take");
    await this.#take(offer);
  }

  /**
   * While we drain, a call is lent because another one's heart beats, and is that one's to take; or it came in the moment
   * before our own heartbeat was taken back, and nobody will.
   */
  async #leaveToOthers(offer: Lent): Promise<void> {
    if (!(await this.#heartbeat.isStopped())) await this.#clock.sleep(OTHERS_MS);
    if (!(await this.#isTaken(offer))) await this.#refuse(offer, { next: "menu", reason: "drain" });
  }

  /** Whether somebody's media is connected to the offered channel, or was. */
  async #isTaken({ channel }: Lent): Promise<boolean> {
    if (channel === "") return false;
    try {
      return fieldOf(await this.#ari.request("GET", `channels/${channel}`), "state") === "Up";
    } catch (error) {
      if (error instanceof AriError && error.status === 404) return true;
      throw error;
    }
  }

  /** Sets the variables and ends the media channel, so that the caller does not wait out the dialplan's half second. */
  async #refuse(offer: Lent, next: Next): Promise<void> {
    await this.#telling.tell(offer.call, next);
    if (offer.channel === "") return;
    await this.#ari.request("DELETE", `channels/${offer.channel}`).catch((error: unknown) => {
      if (!(error instanceof AriError && error.status === 404)) throw error;
    });
  }

  async #take(offer: Lent): Promise<void> {
    const claim: Claim = { gone: false, media: offer.media };
    this.#claims.set(offer.call, claim);
    try {
      const [line, caller] = await this.#claim(offer);
      if (!line) return;
      if (!caller || claim.gone) return await line.hangUp();
      await this.#runLeg(offer, claim, line, caller);
    } finally {
      if (this.#claims.get(offer.call) === claim) this.#claims.delete(offer.call);
    }
  }

  /** The line, if we were first; the caller, if still there. */
  async #claim(offer: Lent): Promise<[line: Line | undefined, caller: Caller | undefined]> {
    return Promise.all([this.#openLine(offer), this.#whoCalls(offer.call)]);
  }

  async #openLine(offer: Lent): Promise<Line | undefined> {
    try {
      const line = await this.#connectLine(offer);
      this.#lines.add(line);
      this.#presence?.holds(offer.channel, line.closed);
      this.#later(
        line.closed.then(() => void this.#lines.delete(line)),
        "a line could not be forgotten",
      );
      return line;
    } catch (error) {
      // Another controller was first, or the caller was quicker than we.
      const usual = ["taken", "unknown", "closed"].includes(codeOf(error)) || isCancellation(error, this.#signal);
      if (!usual && !(offer.kind === "audiosocket" && codeOf(error) === "timeout"))
        this.#log.warn(
          { call: offer.call, detail: messageOf(error) },
          "a lent call's media could not be had; the dialplan has the call",
        );
      return undefined;
    }
  }

  async #connectLine({ kind, media }: Lent): Promise<Line> {
    if (kind === "audiosocket") return await this.#audiosocket.expect(media, this.#signal);
    const { url } = this.#options.ari;
    return this.#connections.media({ url, id: media, clock: this.#clock, counts: this.#counts, signal: this.#signal });
  }

  /** Undefined: the caller has hung up. Somebody of whom nothing can be read is still a caller. */
  async #whoCalls(call: string): Promise<Caller | undefined> {
    try {
      const message = "Asterisk did not say in time who calls.";
      return await withinBeats(() => readCaller(this.#ari, call), { clock: this.#clock, ms: WHO_MS, message });
    } catch (error) {
      if (error instanceof AriError && error.status === 404) return undefined;
      this.#log.warn({ call, err: error }, "who calls could not be read");
      return nobody;
    }
  }

  async #runLeg(offer: Lent, claim: Claim, line: Line, caller: Caller): Promise<void> {
    const word = parseRecordingWord(caller.recording);
    const recording = { call: offer.call, word, store: this.#context.recordings, ami: this.#ami, log: this.#log };
    const raw = word && rawOf(word);
    if (raw) this.#recorded.add(offer.call, raw);
    const leg = new AsteriskLeg({
      id: offer.call,
      attempt: offer.attempt,
      caller,
      line,
      clock: this.#clock,
      recording: asteriskRecording(recording),
      tell: (next) => this.#telling.tell(offer.call, next),
      press: (digit) => this.#press(offer.call, digit),
    });
    claim.leg = leg;
    // ARI tells each key once, and an INFO's at its beginning. The line's word counts only while ARI is away.
    line.onDigit((digit) => {
      if (!this.#ari.connected) leg.happened({ type: "dtmf", digit, durationMs: 0 });
    });
    this.#later(this.#watchLine(leg, line), "a line could not be watched");
    try {
      await this.#onLeg(leg);
    } catch (error) {
      if (!isCancellation(error, leg.signal))
        this.#log.error({ call: leg.id, err: error }, "a call failed; it goes to the menu");
    } finally {
      await leg.giveBack({ next: "menu", reason: "failure" });
    }
  }

  /** A line that closes means: the caller hung up, or the dialplan has the call again. ARI's answer comes after the news of a hang-up. */
  async #watchLine(leg: AsteriskLeg, line: Line): Promise<void> {
    await line.closed;
    if (leg.leaving || leg.signal.aborted) return;
    const heard = (): Promise<unknown> => this.#ari.request("GET", `channels/${leg.id}`);
    await withDeadline(heard, { clock: this.#clock, ms: CAUSE_MS, message: "" }).catch(() => {});
    leg.end("normal");
  }

  async #press(call: string, digit: string): Promise<void> {
    await this.#ami.action("PlayDTMF", { Channel: call, Digit: digit, Duration: DIGIT_DURATION_MS });
  }

  #later(work: Promise<unknown>, fault: string): void {
    work.catch((error: unknown) => {
      if (!isCancellation(error, this.#signal)) this.#log.error({ err: error }, fault);
    });
  }
}
