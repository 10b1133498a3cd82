/** One RTP packet (RFC 3550), without header extension and contributing sources, which nobody sends in a telephone call. */
export interface RtpPacket {
  readonly payloadType: number;
  readonly marker: boolean;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  /** A view into the datagram: copy what is kept. */
  readonly payload: Uint8Array;
}

const HEADER_BYTES = 12;
const VERSION = 2;

/** Undefined for everything that is no RTP: RTCP on the same port, STUN, noise from a port scan. */
export function readRtp(datagram: Uint8Array): RtpPacket | undefined {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  if (datagram.length < HEADER_BYTES) return undefined;
  const first = view.getUint8(0);
  const second = view.getUint8(1);
  // RTCP types 200 to 223 look like payload types 72 to 95 with the marker set (RFC 5761, section 4).
  if (first >> 6 !== VERSION || (second >= 192 && second <= 223)) return undefined;
  let start = HEADER_BYTES + (first & 15) * 4;
  if (first & 0x10) {
    if (datagram.length < start + 4) return undefined;
    start += 4 + view.getUint16(start + 2) * 4;
  }
  const padding = first & 0x20 ? view.getUint8(datagram.length - 1) : 0;
  const end = datagram.length - padding;
  if (end < start) return undefined;
  return {
    payloadType: second & 127,
    marker: (second & 128) !== 0,
    sequence: view.getUint16(2),
    timestamp: view.getUint32(4),
    ssrc: view.getUint32(8),
    payload: datagram.subarray(start, end),
  };
}

/** A datagram of its own: the socket may still hold it when the next one is built. */
export function writeRtp(packet: RtpPacket): Uint8Array {
  const datagram = new Uint8Array(HEADER_BYTES + packet.payload.length);
  const view = new DataView(datagram.buffer);
  view.setUint8(0, VERSION << 6);
  view.setUint8(1, packet.payloadType | (packet.marker ? 128 : 0));
  view.setUint16(2, packet.sequence);
  view.setUint32(4, packet.timestamp);
  view.setUint32(8, packet.ssrc);
  datagram.set(packet.payload, HEADER_BYTES);
  return datagram;
}

/** How far `later` is behind `earlier` in a counter of 16 bits that wraps; negative when it comes before. */
export const sequenceDistance = (earlier: number, later: number): number => ((later - earlier) << 16) >> 16;

/** The same in 32 bits, for timestamps. */
export const timestampDistance = (earlier: number, later: number): number => (later - earlier) | 0;

const DIGITS = "0123456789*#ABCD";
const END_BIT = 0x80;
/** -10 dBm0, as telephones send it. */
const VOLUME = 10;

export interface TelephoneEvent {
  readonly digit: string;
  readonly end: boolean;
  /** In samples of the event's clock, 8,000 a second. */
  readonly duration: number;
}

/** A named event of RFC 4733, section 2.3. Undefined for events that are no digit. */
export function readTelephoneEvent(payload: Uint8Array): TelephoneEvent | undefined {
  if (payload.length < 4) return undefined;
  const [event = 0, flags = 0, high = 0, low = 0] = payload;
  const digit = DIGITS[event];
  return digit === undefined ? undefined : { digit, end: (flags & END_BIT) !== 0, duration: (high << 8) | low };
}

export function writeTelephoneEvent({ digit, end, duration }: TelephoneEvent): Uint8Array {
  const event = DIGITS.indexOf(digit.toUpperCase());
  return Uint8Array.of(event, VOLUME | (end ? END_BIT : 0), duration >> 8, duration & 255);
}

/** The keys there are: 0-9, *, #, A-D. */
export const isDigits = (text: string): boolean => /^[0-9*#A-D]+$/i.test(text);
