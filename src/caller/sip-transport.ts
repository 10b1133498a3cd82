import { type Emitter, EmitterImpl, type Transport, TransportState } from "sip.js";
import type { SipWire } from "./sip-wire.ts";

export interface SipTransportOptions {
  /** Open already: the phone has to know its own address before it can make a user agent. */
  readonly wire: SipWire;
}

/** What sip.js asks of a transport, over a wire that is up. A wire that breaks is never mended here: who has the phone starts a new one. */
export class SipTransport implements Transport {
  readonly protocol: string;
  onConnect: (() => void) | undefined;
  onDisconnect: ((error?: Error) => void) | undefined;
  onMessage: ((message: string) => void) | undefined;
  readonly #wire: SipWire;
  readonly #changes = new EmitterImpl<TransportState>();
  #state = TransportState.Disconnected;

  constructor(_logger: unknown, { wire }: SipTransportOptions) {
    this.#wire = wire;
    this.protocol = wire.protocol;
    wire.onText = (text) => {
      if (this.isConnected()) this.onMessage?.(text);
    };
  }

  get state(): TransportState {
    return this.#state;
  }

  get stateChange(): Emitter<TransportState> {
    return this.#changes;
  }

  isConnected(): boolean {
    return this.#state === TransportState.Connected;
  }

  async connect(): Promise<void> {
    if (this.isConnected()) return;
    this.#enter(TransportState.Connecting);
    this.#enter(TransportState.Connected);
    this.onConnect?.();
  }

  async disconnect(): Promise<void> {
    if (!this.isConnected()) return;
    this.#enter(TransportState.Disconnecting);
    this.#wire.close();
    this.#enter(TransportState.Disconnected);
    this.onDisconnect?.();
  }

  dispose(): Promise<void> {
    return this.disconnect();
  }

  async send(message: string): Promise<void> {
    if (!this.isConnected()) throw new Error("the SIP transport is closed");
    this.#wire.send(message);
  }

  #enter(state: TransportState): void {
    this.#state = state;
    this.#changes.emit(state);
  }
}
