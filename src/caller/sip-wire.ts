/** What carries SIP messages: one socket to one PBX. */
export interface SipWire {
  /** As Via names it. */
  readonly protocol: "WS" | "WSS" | "UDP";
  /** Rejects with an OutsideError "unreachable" that says what was tried. `onText` and `onLost` are set before. */
  open(signal: AbortSignal): Promise<WireAddress>;
  send(text: string): void;
  /** May be called twice, and before `open` has ended. */
  close(): void;
  onText: (text: string) => void;
  /** It broke by itself. For UDP: nobody listens there. */
  onLost: (error: Error) => void;
}

/** Our end, for Via, Contact and the SDP. */
export interface WireAddress {
  readonly address: string;
  readonly port: number;
}

export const MAX_SIP_BYTES = 65_536;
