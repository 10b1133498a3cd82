import { randomBytes } from "node:crypto";
import { createSocket, type Socket } from "node:dgram";
import { alaw } from "../../src/audio/g711.ts";
import { Line } from "./line.ts";
import { decodeMulaw } from "./mulaw.ts";

/** "g722" says and hears nothing; "l16" is linear at 16 kHz, and so is the line then. */
export type PhoneCodec = "ulaw" | "alaw" | "g722" | "l16";

const CODECS: Readonly<Record<PhoneCodec, { readonly type: number; readonly rtpmap: string }>> = {
  ulaw: { type: 0, rtpmap: "PCMU/8000" },
  alaw: { type: 8, rtpmap: "PCMA/8000" },
  g722: { type: 9, rtpmap: "G722/8000" },
  l16: { type: 96, rtpmap: "L16/16000" },
};

/** As much SIP over UDP as it takes to ring a real PBX: one call, no registration, no authentication. Loopback only. */
export interface PhoneOptions {
  readonly port: number;
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly codec: PhoneCodec;
  /** Extra SIP headers of the INVITE, whole lines. */
  readonly headers?: readonly string[];
  /** The phone's own address, by which the PBX tells which kind of line this is. */
  readonly host: string;
  /** Where the PBX is; default: 127.0.0.1. */
  readonly pbx?: string;
  /** No RFC 4733 in the offer, as an old gateway does. */
  readonly inbandOnly?: boolean;
}

const PBX = "127.0.0.1";
const EVENT_PAYLOAD = 101;
const id = () => randomBytes(6).toString("hex");

export class SipPhone {
  readonly line: Line;
  /** Resolves with the SIP status of the INVITE's final answer. */
  readonly answered: Promise<number>;
  /** Resolves when the PBX says BYE. */
  readonly ended: Promise<void>;
  readonly #options: PhoneOptions;
  readonly #pbx: string;
  readonly #sip: Socket;
  readonly #rtp: Socket;
  readonly #call = id();
  readonly #fromTag = id();
  #toTag = "";
  #sequence = 1;
  #rtpSequence = 1;
  #timestamp = 1000;
  #source = 0x51de70e;
  #remote = 0;
  #timer: NodeJS.Timeout | undefined;
  #resolveAnswer: (status: number) => void = () => {};
  #resolveEnd: () => void = () => {};
  #codec: PhoneCodec;
  /** What the PBX has told of a transfer: "SIP/2.0 200 OK" and the like. */
  readonly notified: string[] = [];
  #closed = false;
  #inviting = false;
  #inviteSequence = 0;
  readonly #waiting: string[] = [];
  /** The packets of a key that is being pressed; no sound goes out meanwhile. */
  #event: Buffer[] = [];
  #eventAt = 0;
  /** Send nothing between words, as phones with silence suppression do. */
  silent = false;

  private constructor(options: PhoneOptions, sip: Socket, rtp: Socket) {
    this.#options = options;
    this.#pbx = options.pbx ?? PBX;
    this.#sip = sip;
    this.#rtp = rtp;
    this.#codec = options.codec;
    this.line = new Line(options.codec === "l16" ? 16_000 : 8000);
    this.answered = new Promise((resolve) => {
      this.#resolveAnswer = resolve;
    });
    this.ended = new Promise((resolve) => {
      this.#resolveEnd = resolve;
    });
  }

  static async dial(options: PhoneOptions): Promise<SipPhone> {
    const [sip, rtp] = await Promise.all([bound(options.host), bound(options.host)]);
    const phone = new SipPhone(options, sip, rtp);
    sip.on("message", (data) => phone.#onSip(data.toString()));
    rtp.on("message", (data) => phone.#onRtp(data));
    phone.#send("INVITE", phone.#sdp("sendrecv"), options.headers ?? []);
    return phone;
  }

  hold(): void {
    this.#reinvite("sendonly");
  }

  unhold(): void {
    this.#reinvite("sendrecv");
  }

  /** A re-INVITE that offers this codec alone. */
  changeCodec(codec: "ulaw" | "alaw"): void {
    this.#codec = codec;
    this.#reinvite("sendrecv");
  }

  /** Asks the PBX to send its other party to `target` (RFC 3515); with `replaces` into the place of another call of ours (RFC 3891). */
  refer(target: string, replaces?: SipPhone): void {
    const { port, from, host } = this.#options;
    const other = replaces && `${replaces.#call};to-tag=${replaces.#toTag};from-tag=${replaces.#fromTag}`;
    const query = other === undefined ? "" : `?Replaces=${encodeURIComponent(other)}`;
    const referTo = `Refer-To: <sip:${target}@${this.#pbx}:${port}${query}>`;
    this.#send("REFER", "", [referTo, `Referred-By: <sip:${from}@${host}>`]);
  }

  // One at a time (RFC 3261, 14.1): a second INVITE before the answer to the first is refused.
  #reinvite(direction: string): void {
    if (this.#inviting) this.#waiting.push(direction);
    else this.#send("INVITE", this.#sdp(direction));
  }

  /** Says BYE, and closes when it is on its way. */
  hangUp(): void {
    this.#send("BYE", "", [], () => this.close());
  }

  pressInfo(digit: string): void {
    const body = `Signal=${digit}\r\nDuration=160\r\n`;
    this.#send("INFO", body, ["Content-Type: application/dtmf-relay"]);
  }

  /** One RFC 4733 event of 100 ms: five packets and three times the end, all with the time of its beginning. */
  pressEvent(digit: string): void {
    const event = "0123456789*#ABCD".indexOf(digit);
    const packets = [1, 2, 3, 4, 5, 5, 5, 5].map((step, index) =>
      Buffer.from([event, (index >= 5 ? 0x80 : 0) | 10, (step * 160) >> 8, (step * 160) & 255]),
    );
    this.#event.push(...packets);
  }

  /** Datagrams that are no RTP, or RTP that nobody agreed on, from the phone's own port. */
  sendGarbage(datagrams: readonly Uint8Array[]): void {
    for (const datagram of datagrams) this.#rtp.send(datagram, this.#remote, this.#pbx);
  }

  /** From now on the sound comes from another source, with numbers and times of its own, as after a transfer at the far end. */
  changeSource(): void {
    this.#source = (this.#source ^ 0x5a5a5a5a) >>> 0;
    this.#rtpSequence += 20_000;
    this.#timestamp += 1_000_000;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#timer);
    this.#sip.close();
    this.#rtp.close();
  }

  #sdp(direction: string): string {
    const { port } = this.#rtp.address();
    const { type, rtpmap } = CODECS[this.#codec];
    const events = this.#options.inbandOnly ? "" : ` ${EVENT_PAYLOAD}`;
    return [
      "v=0",
      `o=- 1 ${this.#sequence} IN IP4 ${this.#options.host}`,
      "s=-",
      `c=IN IP4 ${this.#options.host}`,
      "t=0 0",
      `m=audio ${port} RTP/AVP ${type}${events}`,
      `a=rtpmap:${type} ${rtpmap}`,
      ...(events ? [`a=rtpmap:${EVENT_PAYLOAD} telephone-event/8000`, `a=fmtp:${EVENT_PAYLOAD} 0-16`] : []),
      "a=ptime:20",
      `a=${direction}`,
      "",
    ].join("\r\n");
  }

  #send(method: string, body = "", headers: readonly string[] = [], sent = () => {}): void {
    if (this.#closed) return;
    const { to, from, fromName, port } = this.#options;
    const sequence = method === "ACK" ? this.#inviteSequence : this.#sequence++;
    if (method === "INVITE") {
      this.#inviting = true;
      this.#inviteSequence = sequence;
    }
    const type = method === "INVITE" ? ["Content-Type: application/sdp"] : [];
    const message = [
      `${method} sip:${to}@${this.#pbx}:${port} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.#options.host}:${this.#sip.address().port};branch=z9hG4bK${id()};rport`,
      "Max-Forwards: 70",
      `From: "${fromName}" <sip:${from}@${this.#options.host}>;tag=${this.#fromTag}`,
      `To: <sip:${to}@${this.#pbx}>${this.#toTag && `;tag=${this.#toTag}`}`,
      `Call-ID: ${this.#call}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: <sip:${from}@${this.#options.host}:${this.#sip.address().port}>`,
      ...type,
      ...headers,
      `Content-Length: ${Buffer.byteLength(body)}`,
      "",
      body,
    ].join("\r\n");
    this.#sip.send(message, port, this.#pbx, sent);
  }

  #onSip(text: string): void {
    const status = Number(/^SIP\/2\.0 (\d{3})/.exec(text)?.[1] ?? 0);
    if (status === 0) {
      this.#onRequest(text);
      return;
    }
    if (status < 200 || !/^CSeq: *\d+ INVITE/im.test(text)) return;
    this.#toTag = /^To:.*;tag=([^\s;]+)/im.exec(text)?.[1] ?? "";
    // An answer that comes again wants its ACK again, and says nothing new.
    const first = this.#inviting && Number(/^CSeq: *(\d+)/im.exec(text)?.[1]) === this.#inviteSequence;
    this.#send("ACK");
    if (!first) return;
    this.#inviting = false;
    if (status === 200 && this.#remote === 0) this.#startRtp(Number(/^m=audio (\d+)/m.exec(text)?.[1] ?? 0));
    this.#resolveAnswer(status);
    const next = this.#waiting.shift();
    if (next) this.#reinvite(next);
  }

  #onRequest(text: string): void {
    const headers = text.split("\r\n").filter((line) => /^(Via|From|To|Call-ID|CSeq):/i.test(line));
    const invite = text.startsWith("INVITE");
    if (text.startsWith("ACK")) return;
    const body = invite ? this.#sdp("sendrecv") : "";
    const contact = `Contact: <sip:${this.#options.from}@${this.#options.host}:${this.#sip.address().port}>`;
    const type = invite ? [contact, "Content-Type: application/sdp"] : [];
    const answer = ["SIP/2.0 200 OK", ...headers, ...type, `Content-Length: ${Buffer.byteLength(body)}`, "", body];
    this.#sip.send(answer.join("\r\n"), this.#options.port, this.#pbx);
    if (text.startsWith("NOTIFY")) this.notified.push(text.slice(text.indexOf("\r\n\r\n")).trim());
    if (text.startsWith("BYE")) this.#resolveEnd();
  }

  #startRtp(port: number): void {
    this.#remote = port;
    this.#timer = setInterval(() => this.#tick(), 20);
  }

  #tick(): void {
    this.#timestamp += this.#codec === "l16" ? 320 : 160;
    const event = this.#event.shift();
    if (event) {
      const first = this.#eventAt === 0;
      if (first) this.#eventAt = this.#timestamp;
      this.#packet({ type: EVENT_PAYLOAD, payload: event, marker: first, timestamp: this.#eventAt });
      if (this.#event.length === 0) this.#eventAt = 0;
      return;
    }
    const talking = this.line.talking;
    const { type } = CODECS[this.#codec];
    const packet = { type, payload: this.#sound(), marker: false, timestamp: this.#timestamp };
    if (!this.silent || talking) this.#packet(packet);
  }

  /** The next 20 ms, as the codec has them. */
  #sound(): Buffer {
    if (this.#codec === "ulaw") return this.line.next();
    if (this.#codec === "g722") return Buffer.alloc(160, 0xfa);
    if (this.#codec === "l16") return Buffer.from(this.line.nextSamples().buffer).swap16();
    const coded = Buffer.alloc(160);
    alaw.encode(Int16Array.from(this.line.next(), decodeMulaw), coded);
    return coded;
  }

  #packet(packet: { type: number; payload: Uint8Array; marker: boolean; timestamp: number }): void {
    if (this.#closed || this.#remote === 0) return;
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = (packet.marker ? 0x80 : 0) | packet.type;
    header.writeUInt16BE(this.#rtpSequence++ & 0xffff, 2);
    header.writeUInt32BE(packet.timestamp >>> 0, 4);
    header.writeUInt32BE(this.#source, 8);
    this.#rtp.send([header, packet.payload], this.#remote, this.#pbx);
  }

  #onRtp(data: Buffer): void {
    const type = (data[1] ?? 0) & 0x7f;
    if (type === EVENT_PAYLOAD) this.line.heardEvent(data.subarray(12), data.readUInt32BE(4));
    else if (type === CODECS.ulaw.type) this.line.heard(data.subarray(12));
    else if (type === CODECS.alaw.type) this.line.heardSamples(fromAlaw(data.subarray(12)));
    else if (type === CODECS.l16.type) this.line.heardSamples(fromNetwork(data.subarray(12)));
    else this.line.heardOther();
  }
}

function fromAlaw(coded: Uint8Array): Int16Array {
  const pcm = new Int16Array(coded.length);
  alaw.decode(coded, pcm);
  return pcm;
}

const fromNetwork = (data: Buffer): Int16Array => new Int16Array(Uint8Array.from(Buffer.from(data).swap16()).buffer);

async function bound(host: string): Promise<Socket> {
  const socket = createSocket("udp4");
  await new Promise<void>((resolve) => socket.bind(0, host, resolve));
  return socket;
}
