import type { BodyAndContentType, SessionDescriptionHandler } from "sip.js";
import { messageOf, OutsideError } from "../base/errors.ts";
import type { Codec } from "./codec.ts";
import type { RtpSession } from "./rtp-session.ts";
import { type AudioDescription, answerTo, type Direction, readSdp, sends, writeSdp } from "./sdp.ts";

const CONTENT_TYPE = "application/sdp";
/** The usual number for RFC 4733; an answer takes over the offer's. */
const EVENT_TYPE = 101;

export interface MediaHandlerOptions {
  readonly rtp: RtpSession;
  readonly localAddress: string;
  readonly codecs: readonly Codec[];
  /** Whether keys are offered as RFC 4733 events. */
  readonly events: boolean;
}

/** Offers and answers for sip.js, about one RTP session: no ICE, no DTLS, no browser. */
export class MediaHandler implements SessionDescriptionHandler {
  readonly #options: MediaHandlerOptions;
  readonly #sessionId: number;
  #version = 0;
  /** Theirs, waiting for our answer. */
  #offer: AudioDescription | undefined;
  /** Ours is out: the next description of theirs is the answer. */
  #offered = false;
  #wanted: Direction = "sendrecv";
  #fault: string | undefined;
  #theirs: AudioDescription | undefined;

  constructor(options: MediaHandlerOptions) {
    this.#options = options;
    this.#sessionId = Math.floor(options.rtp.nowMs) + 1;
  }

  /** What the next offer or answer asks for: sendonly puts the far end on hold. */
  want(direction: Direction): void {
    this.#wanted = direction;
  }

  get wanted(): Direction {
    return this.#wanted;
  }

  /** Why a description of theirs could not be taken. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The far end has put us on hold. */
  get heldByThem(): boolean {
    return this.#theirs !== undefined && !sends(this.#theirs.direction);
  }

  getDescription(): Promise<BodyAndContentType> {
    const { rtp, localAddress, codecs, events } = this.#options;
    const offer = this.#offer;
    this.#offer = undefined;
    this.#version += 1;
    const common = { address: localAddress, port: rtp.port, sessionId: this.#sessionId, version: this.#version };
    if (!offer) {
      this.#offered = true;
      const eventType = events ? EVENT_TYPE : undefined;
      return described(writeSdp({ ...common, codecs, eventType, direction: this.#wanted }));
    }
    const direction = answerTo(offer.direction, this.#wanted);
    const [codec] = this.#common(offer);
    const eventType = events ? offer.eventType : undefined;
    this.#connect(offer, codec, direction);
    return described(writeSdp({ ...common, codecs: [codec], eventType, direction }));
  }

  /** Their offer, or their answer to ours. */
  async setDescription(sdp: string): Promise<void> {
    const { theirs, codec } = this.#understand(sdp);
    this.#theirs = theirs;
    this.#offer = this.#offered ? undefined : theirs;
    this.#offered = false;
    this.#connect(theirs, codec, answerTo(theirs.direction, this.#wanted));
  }

  /** They refused our offer: all stays as it was. */
  async rollbackDescription(): Promise<void> {
    this.#offered = false;
  }

  hasDescription(contentType: string): boolean {
    return contentType === CONTENT_TYPE;
  }

  /** Keys go through the RTP session. */
  sendDtmf(): boolean {
    return false;
  }

  close(): void {
    this.#options.rtp.close();
  }

  #understand(sdp: string): { theirs: AudioDescription; codec: Codec } {
    try {
      const theirs = readSdp(sdp);
      return { theirs, codec: this.#common(theirs)[0] };
    } catch (error) {
      this.#fault = messageOf(error);
      throw error;
    }
  }

  #common(theirs: AudioDescription): [Codec, ...Codec[]] {
    const [first, ...rest] = theirs.codecs.filter((codec) => this.#options.codecs.includes(codec));
    if (first) return [first, ...rest];
    const ours = this.#options.codecs.map(({ name }) => name).join(", ");
    throw new OutsideError("notAcceptable", `the far end speaks none of the codecs that this call allows (${ours})`);
  }

  #connect(theirs: AudioDescription, codec: Codec, direction: Direction): void {
    const { address, port } = theirs;
    const eventType = this.#options.events ? theirs.eventType : undefined;
    // Who puts the far end on hold has nothing to say to it.
    const sending = sends(direction) && this.#wanted === "sendrecv";
    this.#options.rtp.connect({ address, port, codec, eventType, sending });
  }
}

const described = (body: string): Promise<BodyAndContentType> => Promise.resolve({ body, contentType: CONTENT_TYPE });
