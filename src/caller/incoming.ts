import { type Invitation, SessionState } from "sip.js";
import type { Clock } from "../base/clock.ts";
import { OutsideError } from "../base/errors.ts";
import type { CodecName } from "./codec.ts";
import { within } from "./deadline.ts";
import type { CallLeg } from "./leg.ts";

export interface IncomingDeps {
  readonly invitation: Invitation;
  /** Makes the leg, with its media. */
  readonly answer: (codecs: readonly CodecName[] | undefined) => Promise<CallLeg>;
  readonly clock: Clock;
}

const ACCEPT_MS = 5_000;

/** Somebody calls this phone: let it ring, answer, or refuse. */
export class IncomingCall {
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly #deps: IncomingDeps;
  readonly #gone = new AbortController();

  constructor(deps: IncomingDeps) {
    this.#deps = deps;
    const { remoteIdentity, request } = deps.invitation;
    this.from = remoteIdentity.uri.user ?? "";
    this.fromName = remoteIdentity.displayName ?? "";
    this.to = request.to.uri.user ?? "";
    deps.invitation.stateChange.addListener((state) => {
      if (state === SessionState.Terminated) this.#gone.abort(new OutsideError("cancelled", "the caller gave up"));
    });
  }

  /** Aborted when the call is over: the caller gave up before it was answered, or somebody hung up. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** A header of the INVITE; undefined when it has none of that name. */
  header(name: string): string | undefined {
    return this.#deps.invitation.request.getHeader(name);
  }

  /** 180: the caller hears ringback. */
  async ring(): Promise<void> {
    await this.#deps.invitation.progress({ statusCode: 180 });
  }

  /** 200, and sound. Rejects when the caller gave up meanwhile, or no codec is common. */
  async answer({ codec }: { codec?: CodecName | readonly CodecName[] } = {}): Promise<CallLeg> {
    this.#gone.signal.throwIfAborted();
    const { invitation, clock } = this.#deps;
    const leg = await this.#deps.answer(codec === undefined ? undefined : [codec].flat());
    const late = (): Error =>
      new OutsideError("noAnswer", `the call from ${this.from} could not be answered within ${ACCEPT_MS} ms`);
    try {
      await within({ clock, ms: ACCEPT_MS, signal: this.signal, late }, () => invitation.accept());
    } catch (error) {
      leg.end({ by: "us", cause: "failure" });
      throw error;
    }
    return leg;
  }

  /** 486 (busy) unless told otherwise. */
  async refuse(status = 486): Promise<void> {
    await this.#deps.invitation.reject({ statusCode: status });
  }
}
