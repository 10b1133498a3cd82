import { type Invitation, Inviter, Registerer, type URI, UserAgent } from "sip.js";
import type { Clock } from "../base/clock.ts";
import { OutsideError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { callError, causeOf } from "./causes.ts";
import { CODECS, type CodecName } from "./codec.ts";
import { within } from "./deadline.ts";
import type { HeardOptions } from "./heard.ts";
import { IncomingCall } from "./incoming.ts";
import { CallLeg } from "./leg.ts";
import { MediaHandler } from "./media-handler.ts";
import type { NetworkFaults } from "./network.ts";
import { RtpSession } from "./rtp-session.ts";
import { SipTransport } from "./sip-transport.ts";
import type { SipWire, WireAddress } from "./sip-wire.ts";
import { udpWire } from "./sip-wire-udp.ts";
import { websocketWire } from "./sip-wire-ws.ts";

/** Where the PBX takes SIP. */
export type PbxAddress =
  | { readonly transport: "ws"; readonly url: string }
  | { readonly transport: "udp"; readonly host: string; readonly port: number };

export interface PhoneOptions {
  readonly pbx: PbxAddress;
  /** The endpoint's name, which is also the user of its SIP address. */
  readonly user: string;
  readonly password?: string | undefined;
  /** The host part of SIP addresses; the PBX's own host unless told. */
  readonly domain?: string | undefined;
  readonly displayName?: string | undefined;
  /** Sends nothing while there is nothing to say. */
  readonly silenceSuppression?: boolean | undefined;
  /** What counts as sound of the far end. */
  readonly heard?: HeardOptions | undefined;
  /** Deadlines, each with a sane value of its own. */
  readonly connectMs?: number | undefined;
  readonly registerMs?: number | undefined;
  readonly maxCallMs?: number | undefined;
  readonly maxCalls?: number | undefined;
}

export interface PhoneDeps {
  readonly clock: Clock;
  readonly log: Log;
}

export interface CallOptions {
  /** Offered codecs, most wanted first. Defaults to both. */
  readonly codec?: CodecName | readonly CodecName[];
  /** The user part of From, where the PBX lets an endpoint choose its caller id. */
  readonly from?: string;
  readonly displayName?: string;
  /** How long it may ring. */
  readonly answerMs?: number;
  /** Whether RFC 4733 keys are offered. */
  readonly events?: boolean;
  readonly headers?: Readonly<Record<string, string>>;
  /** What happens to this call's RTP on its way; its SIP is spared. */
  readonly network?: NetworkFaults;
  /** Hangs the call up, whatever it has come to. */
  readonly signal?: AbortSignal;
}

interface MediaWishes {
  readonly codecs: readonly CodecName[] | undefined;
  readonly events: boolean;
  readonly network?: NetworkFaults | undefined;
}

const REGISTER_SECONDS = 300;
const UNREGISTER_MS = 1_000;

/** A telephone: registers, calls, is called. One phone holds one connection to one PBX and as many calls as it likes. */
export class Phone {
  readonly #options: PhoneOptions;
  readonly #deps: PhoneDeps;
  readonly #wire: SipWire;
  readonly #handlers = new WeakMap<object, MediaHandler>();
  readonly #legs = new Set<CallLeg>();
  readonly #lost = new AbortController();
  #onIncoming: ((call: IncomingCall) => void) | undefined;
  #agent: UserAgent | undefined;
  #address: WireAddress | undefined;
  #registerer: Registerer | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: PhoneOptions, deps: PhoneDeps) {
    this.#options = options;
    this.#deps = deps;
    const { pbx } = options;
    this.#wire = pbx.transport === "ws" ? websocketWire(pbx.url) : udpWire({ ...pbx, clock: deps.clock });
  }

  /** "sip:user@domain". */
  get uri(): string {
    return `sip:${this.#options.user}@${this.#domain}`;
  }

  /** Where it takes calls, for whoever has no registrar. */
  get contact(): WireAddress {
    if (!this.#address) throw new OutsideError("state", `the phone ${this.uri} is not started`);
    return this.#address;
  }

  /** The calls that are up or on their way. */
  get calls(): readonly CallLeg[] {
    return [...this.#legs];
  }

  /** Aborted when the connection to the PBX broke by itself. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /** Connects. Rejects with an OutsideError "unreachable" when that fails or takes more than `connectMs`. */
  async start({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const { connectMs: ms = 5_000, pbx } = this.#options;
    const where = pbx.transport === "ws" ? pbx.url : `${pbx.host}:${pbx.port}/udp`;
    const late = (): Error => new OutsideError("unreachable", `SIP to ${where} failed: no connection within ${ms} ms`);
    this.#wire.onLost = (error) => this.#connectionLost(error);
    try {
      this.#address = await within({ clock: this.#deps.clock, ms, signal, late }, (inner) => this.#wire.open(inner));
    } catch (error) {
      this.#wire.close();
      throw error;
    }
    this.#agent = this.#createAgent(this.#address);
    await this.#agent.start();
  }

  /** Rejects with an OutsideError: "unauthorised" for a wrong password, "unreachable" when nobody answers. Kept up until `stop`. */
  async register({ signal }: { signal?: AbortSignal } = {}): Promise<void> {
    const agent = this.#running();
    const { registerMs: ms = 5_000 } = this.#options;
    const what = `the registration of ${this.uri}`;
    const late = (): Error =>
      callError(what, { cause: "unreachable", status: undefined, reason: `no answer within ${ms} ms` });
    const registrar = UserAgent.makeURI(`sip:${this.#domain}`);
    this.#registerer ??= new Registerer(agent, {
      expires: REGISTER_SECONDS,
      ...(registrar ? { registrar } : {}),
      logConfiguration: false,
    });
    const registerer = this.#registerer;
    await within(
      { clock: this.#deps.clock, ms, signal: this.#alive(signal), late },
      () =>
        new Promise<void>((resolve, reject) => {
          const onReject = ({
            message,
          }: {
            message: { statusCode?: number | undefined; reasonPhrase?: string | undefined };
          }): void => {
            const { statusCode: status = 0, reasonPhrase: reason = "" } = message;
            reject(callError(what, { cause: status === 408 ? "unreachable" : causeOf(status), status, reason }));
          };
          registerer.register({ requestDelegate: { onAccept: () => resolve(), onReject } }).catch(reject);
        }),
    );
  }

  /** Sends an INVITE and returns the call: `answered` and `ended` tell what becomes of it. `target`: "sip:100@host", or "100". */
  async call(target: string, options: CallOptions = {}): Promise<CallLeg> {
    const agent = this.#running();
    this.#checkRoom();
    const { clock, log } = this.#deps;
    const { codec, from, displayName, answerMs = 60_000, events = true, headers = {}, network, signal } = options;
    signal?.throwIfAborted();
    const uri = this.#uriOf(target);
    const sender = from === undefined ? undefined : this.#uriOf(from);
    const { rtp, handler } = await this.#media({
      codecs: codec === undefined ? undefined : [codec].flat(),
      events,
      network,
    });
    const inviter = new Inviter(agent, uri, {
      earlyMedia: true,
      extraHeaders: Object.entries(headers).map(headerLine),
      params: {
        ...(sender ? { fromUri: sender } : {}),
        ...(displayName === undefined ? {} : { fromDisplayName: quoted(displayName) }),
      },
    });
    this.#handlers.set(inviter, handler);
    const { maxCallMs = 15 * 60_000 } = this.#options;
    const leg = new CallLeg({ session: inviter, handler, rtp, clock, log, peer: uri.toString(), answerMs, maxCallMs });
    this.#keep(leg, signal);
    try {
      await leg.invite();
    } catch (error) {
      leg.end({ by: "us", cause: "failure" });
      throw error;
    }
    return leg;
  }

  /** Called for every call that comes in; without a handler callers hear "busy". */
  onIncoming(handler: (call: IncomingCall) => void): void {
    this.#onIncoming = handler;
  }

  /** Hangs up, unregisters, disconnects: no socket and no timer is left. At most about 3 s when the PBX is dead. May be called twice. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.calls.map((leg) => leg.hangUp()));
    const { clock } = this.#deps;
    const registerer = this.#registerer;
    if (registerer) {
      const ms = this.#lost.signal.aborted ? 0 : UNREGISTER_MS;
      // Nobody waits for long to say goodbye: the PBX forgets us by itself when the registration has run out.
      await within({ clock, ms, late: () => new Error("late") }, () => registerer.dispose()).catch(() => {});
      // Without an answer sip.js would keep its timers until then.
      // biome-ignore lint/complexity/useLiteralKeys: the method is private, and there is no other way to them.
      registerer["clearTimers"]();
    }
    const agent = this.#agent;
    this.#agent = undefined;
    await agent?.stop();
    this.#wire.close();
  }

  #createAgent({ address, port }: WireAddress): UserAgent {
    const { user, password = "", displayName = "" } = this.#options;
    const uri = UserAgent.makeURI(this.uri);
    if (!uri) throw new OutsideError("address", `"${this.uri}" is no SIP address`);
    const agent = new UserAgent({
      uri,
      displayName: quoted(displayName),
      authorizationUsername: user,
      authorizationPassword: password,
      contactParams: { transport: this.#wire.protocol.toLowerCase() },
      viaHost: address,
      forceRport: true,
      gracefulShutdown: false,
      logBuiltinEnabled: false,
      logConfiguration: false,
      logConnector: (level, category, _label, content) => {
        if (level === "warn" || level === "error") this.#deps.log.debug({ category, content }, "sip.js");
      },
      sendInitialProvisionalResponse: false,
      transportConstructor: SipTransport,
      transportOptions: { wire: this.#wire },
      userAgentString: "Sidetone caller",
      sessionDescriptionHandlerFactory: (session) => {
        const handler = this.#handlers.get(session);
        if (!handler) throw new Error("a session without media");
        return handler;
      },
      delegate: { onInvite: (invitation) => this.#invited(invitation) },
    });
    agent.contact.uri.port = port;
    return agent;
  }

  #invited(invitation: Invitation): void {
    const handler = this.#onIncoming;
    if (!handler || this.#legs.size >= this.#maxCalls || this.#stopping) {
      invitation
        .reject({ statusCode: 486 })
        .catch((error: unknown) => this.#deps.log.warn({ err: error }, "a call could not be refused"));
      return;
    }
    const { clock, log } = this.#deps;
    const { maxCallMs = 15 * 60_000 } = this.#options;
    const answer = async (codecs: readonly CodecName[] | undefined): Promise<CallLeg> => {
      const { rtp, handler: media } = await this.#media({ codecs, events: true });
      this.#handlers.set(invitation, media);
      const peer = invitation.remoteIdentity.uri.toString();
      const leg = new CallLeg({
        session: invitation,
        handler: media,
        rtp,
        clock,
        log,
        peer,
        answerMs: 60_000,
        maxCallMs,
      });
      this.#keep(leg, undefined);
      return leg;
    };
    handler(new IncomingCall({ invitation, answer, clock }));
  }

  async #media({ codecs, events, network }: MediaWishes) {
    const localAddress = this.#address?.address ?? "127.0.0.1";
    const { silenceSuppression = false, heard = {} } = this.#options;
    const rtp = await RtpSession.open({ clock: this.#deps.clock, localAddress, silenceSuppression, heard, network });
    const wanted =
      codecs === undefined ? CODECS : codecs.flatMap((name) => CODECS.filter((codec) => codec.name === name));
    return { rtp, handler: new MediaHandler({ rtp, localAddress, codecs: wanted, events }) };
  }

  #keep(leg: CallLeg, signal: AbortSignal | undefined): void {
    this.#legs.add(leg);
    const hangUp = (): void => void leg.hangUp();
    signal?.addEventListener("abort", hangUp, { once: true });
    void leg.ended.then(() => {
      this.#legs.delete(leg);
      signal?.removeEventListener("abort", hangUp);
    });
  }

  #connectionLost(error: Error): void {
    // A PBX that restarts refuses datagrams for a while; a websocket that broke stays broken.
    const silent =
      this.#options.pbx.transport === "udp" && this.calls.some(({ times }) => times.answeredMs !== undefined);
    if (silent || this.#lost.signal.aborted) return;
    this.#lost.abort(error);
    for (const leg of this.calls) leg.end({ by: "network", cause: "unreachable", reason: error.message });
  }

  #running(): UserAgent {
    this.#lost.signal.throwIfAborted();
    if (!this.#agent || this.#stopping) throw new OutsideError("state", `the phone ${this.uri} is not started`);
    return this.#agent;
  }

  #alive(signal: AbortSignal | undefined): AbortSignal {
    return signal ? AbortSignal.any([signal, this.#lost.signal]) : this.#lost.signal;
  }

  #checkRoom(): void {
    if (this.#legs.size >= this.#maxCalls)
      throw new OutsideError("busy", `the phone ${this.uri} has ${this.#legs.size} calls: no more`);
  }

  get #maxCalls(): number {
    return this.#options.maxCalls ?? 200;
  }

  get #domain(): string {
    const { domain, pbx } = this.#options;
    if (domain !== undefined) return domain;
    if (pbx.transport === "ws") return new URL(pbx.url).hostname;
    return pbx.port === 5060 ? pbx.host : `${pbx.host}:${pbx.port}`;
  }

  #uriOf(target: string): URI {
    const text = /^sips?:/i.test(target) ? target : `sip:${encodeURIComponent(target)}`;
    const uri = UserAgent.makeURI(text.includes("@") ? text : `${text}@${this.#domain}`);
    if (!uri || target.length > 500) throw new OutsideError("address", `"${target.slice(0, 100)}" is no SIP address`);
    return uri;
  }
}

/** sip.js puts a name between quotes as it is; inside them two characters need a backslash (RFC 3261, section 25.1). */
const quoted = (name: string): string => name.replace(/[\r\n]+/g, " ").replace(/[\\"]/g, "\\$&");

function headerLine([name, value]: [string, string]): string {
  if (!/^[\w-]+$/.test(name) || /[\r\n]/.test(value))
    throw new OutsideError("address", `"${name}" cannot be sent as a SIP header`);
  return `${name}: ${value}`;
}
