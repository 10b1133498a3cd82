import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { once } from "node:events";
import { ulaw } from "../../src/audio/g711.ts";
import { levelDbov } from "../../src/audio/level.ts";
import { systemClock, type Timer } from "../../src/base/clock.ts";

/** A packet of audio as it came: when (monotonic ms), and what it holds. */
export interface Heard {
  readonly atMs: number;
  readonly pcm: Int16Array;
}

export interface Invitation {
  /** The user part of the dialled URI, as it goes onto the wire. */
  readonly to: string;
  readonly displayName?: string;
  readonly from?: string;
  /** The RTP payload type that is offered, G.722 (9) instead of µ-law; such a caller must be mute here. */
  readonly payloadType?: 9;
  /** A caller who sends no audio at all, muted or with silence suppression. */
  readonly mute?: boolean;
}

const TELEPHONE_EVENT = 101;
const AUDIBLE_DBOV = -45;

/**
 * A SIP user agent of the smallest kind, by hand, so that the tests also send what a good one never would: one UDP
 * socket for signalling, one for G.711 µ-law. One call at a time; loopback loses nothing, so nothing is sent again.
 */
export class SipPeer {
  readonly heard: Heard[] = [];
  /** Every final or provisional status our INVITE got. */
  readonly statuses: number[] = [];
  /** Requests that came in: "INVITE", "BYE", … with the time. */
  readonly requests: { method: string; atMs: number; text: string }[] = [];
  answeredAtMs = 0;
  readonly #host: string;
  #pbx: string;
  #pbxPort: number;
  readonly #sip: Socket;
  readonly #rtp: Socket;
  readonly #waiting = new Set<() => void>();
  #sender: Timer | undefined;
  #dialog = { callId: "", local: "", remote: "", target: "", sequence: 1 };
  #rtpPort = 0;
  #sequence = 1;
  #timestamp = 0;
  #toneHz = 0;
  #unsent = 0;
  #keys: { digit: string; left: number; timestamp: number }[] = [];
  /** What an incoming call gets: "answer", "ring" for ever, or a status such as "486 Busy Here". */
  whenCalled = "answer";
  /** How long it rings before it is answered. */
  ringsMs = 0;

  private constructor({ host, pbx }: { host: string; pbx: string }, pbxPort: number, sip: Socket, rtp: Socket) {
    this.#host = host;
    this.#pbx = pbx;
    this.#pbxPort = pbxPort;
    this.#sip = sip;
    this.#rtp = rtp;
    sip.on("message", (message, from) => this.#onSip(message.toString("latin1"), from));
    rtp.on("message", (packet) => this.#onRtp(packet));
  }

  /** `host`: its own address; `pbx`: where the PBX is. */
  static async open(
    pbxPort: number,
    { host = "127.0.0.1", pbx = "127.0.0.1" }: { host?: string; pbx?: string } = {},
  ): Promise<SipPeer> {
    const [sip, rtp] = [createSocket("udp4").bind(0, host), createSocket("udp4").bind(0, host)];
    await Promise.all([once(sip, "listening"), once(rtp, "listening")]);
    return new SipPeer({ host, pbx }, pbxPort, sip, rtp);
  }

  get port(): number {
    return this.#sip.address().port;
  }

  /** Sends the INVITE and returns at once; wait for `answered()` or for a status. */
  invite({ to, displayName = "Caller", from = "+4930123456", mute = false, payloadType }: Invitation): void {
    const local = `"${displayName}" <sip:${from}@${this.#host}>;tag=${id()}`;
    const remote = `<sip:${to}@${this.#pbx}:${this.#pbxPort}>`;
    this.#dialog = { callId: id(), local, remote, target: `sip:${to}@${this.#pbx}:${this.#pbxPort}`, sequence: 1 };
    this.#request("INVITE", this.#sdp(payloadType));
    if (!mute) this.#startSending();
  }

  async answered(): Promise<void> {
    await this.until(() => this.answeredAtMs > 0, "an answer");
  }

  async ended(): Promise<void> {
    await this.until(() => this.requests.some(({ method }) => method === "BYE"), "the PBX's BYE");
  }

  /** Queues digits as RFC 4733 events of 100 ms. */
  press(digits: string): void {
    for (const digit of digits) this.#keys.push({ digit, left: 8, timestamp: 0 });
  }

  /** What this side sends from now on: a tone, or silence with 0. */
  say(toneHz: number): void {
    this.#toneHz = toneHz;
  }

  /** Ready for the next call, as if it were new. */
  reset(): void {
    this.hangUp();
    this.heard.length = 0;
    this.statuses.length = 0;
    this.requests.length = 0;
    this.#keys.length = 0;
    this.answeredAtMs = 0;
    this.whenCalled = "answer";
    this.ringsMs = 0;
  }

  hangUp(): void {
    if (this.#dialog.callId === "") return;
    this.#request(this.answeredAtMs > 0 ? "BYE" : "CANCEL");
    this.#stopSending();
    if (this.answeredAtMs > 0) this.#dialog.callId = "";
  }

  /** Resolves with the time of the first packet after `sinceMs` that holds this tone (any sound: 0). */
  async hears(toneHz: number, sinceMs = 0): Promise<number> {
    const found = (): Heard | undefined =>
      this.heard.find(({ atMs, pcm }) => atMs > sinceMs && levelDbov(pcm) > AUDIBLE_DBOV && isTone(pcm, toneHz));
    await this.until(() => found() !== undefined, toneHz === 0 ? "a sound" : `a tone of ${toneHz} Hz`);
    return found()?.atMs ?? 0;
  }

  /** How often this tone was heard: with something else, or nothing for 100 ms, in between. */
  timesHeard(toneHz: number): number {
    const tones = this.heard.filter(({ pcm }) => levelDbov(pcm) > AUDIBLE_DBOV && isTone(pcm, toneHz));
    return tones.filter(({ atMs }, i) => atMs - (tones[i - 1]?.atMs ?? 0) > 100).length;
  }

  /** Resolves when `holds`, looked at after every packet. Rejects after 8 s and says what was missing. */
  until(holds: () => boolean, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (holds()) settle(resolve);
      };
      const settle = (how: () => void): void => {
        late.cancel();
        this.#waiting.delete(look);
        how();
      };
      const seen = (): string => `statuses ${this.statuses.join(" ")}, ${this.heard.length} packets of audio`;
      const late = systemClock.after(8_000, () => settle(() => reject(new Error(`no ${what} within 8 s (${seen()})`))));
      this.#waiting.add(look);
      look();
    });
  }

  async close(): Promise<void> {
    this.hangUp();
    this.#stopSending();
    // A socket that closes forgets what it has not sent yet, our BYE for one.
    await this.until(() => this.#unsent === 0, "end of sending");
    await Promise.all([this.#sip, this.#rtp].map((socket) => new Promise<void>((done) => socket.close(done))));
  }

  #look(): void {
    for (const look of [...this.#waiting]) look();
  }

  #onSip(text: string, from: RemoteInfo): void {
    const status = /^SIP\/2\.0 (\d{3})/.exec(text)?.[1];
    if (status === undefined) this.#onRequest(text, from);
    else this.#onResponse(Number(status), text);
    this.#look();
  }

  #onResponse(status: number, text: string): void {
    if (!/^CSeq: \d+ INVITE/im.test(text)) return;
    this.statuses.push(status);
    if (status < 200) return;
    this.#dialog.remote = header(text, "To");
    if (status < 300) {
      this.#dialog.target = /<([^>]+)>/.exec(header(text, "Contact"))?.[1] ?? this.#dialog.target;
      this.#rtpPort = rtpPortOf(text);
      this.answeredAtMs = systemClock.now();
    } else this.#stopSending();
    this.#request("ACK");
    if (status >= 300) this.#dialog.callId = "";
  }

  #onRequest(text: string, from: RemoteInfo): void {
    const method = text.slice(0, text.indexOf(" "));
    this.requests.push({ method, atMs: systemClock.now(), text });
    this.#pbxPort = from.port;
    this.#pbx = from.address;
    if (method === "ACK") return;
    if (method !== "INVITE") {
      this.#respond("200 OK", text, from);
      if (method === "BYE") this.#dialog.callId = "";
      if (method === "BYE" || method === "CANCEL") this.#stopSending();
      return;
    }
    if (/^\d/.test(this.whenCalled)) {
      this.#respond(this.whenCalled, text, from);
      return;
    }
    this.#respond("180 Ringing", text, from);
    if (this.whenCalled !== "answer") return;
    if (this.ringsMs === 0) this.#answer(text, from);
    else systemClock.after(this.ringsMs, () => this.#answer(text, from));
  }

  #answer(text: string, from: RemoteInfo): void {
    const tag = header(text, "To").includes("tag=") ? "" : `;tag=${TAG}`;
    const [local, remote] = [`${header(text, "To")}${tag}`, header(text, "From")];
    const target = /<([^>]+)>/.exec(header(text, "Contact"))?.[1] ?? "";
    this.#dialog = { callId: header(text, "Call-ID"), local, remote, target, sequence: 1 };
    this.#rtpPort = rtpPortOf(text);
    this.answeredAtMs = systemClock.now();
    this.#respond("200 OK", text, from, this.#sdp());
    this.#startSending();
  }

  #request(method: string, body = ""): void {
    const { callId, local, remote, target, sequence } = this.#dialog;
    if (method === "BYE") this.#dialog.sequence += 1;
    const number = method === "BYE" ? sequence + 1 : sequence;
    const branch = method === "INVITE" || method === "CANCEL" ? callId : id();
    const to = method === "CANCEL" ? remote.replace(/;tag=.*/, "") : remote;
    const lines = [
      `${method} ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.#host}:${this.port};rport;branch=z9hG4bK${branch}`,
      "Max-Forwards: 70",
      `From: ${local}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${number} ${method}`,
      `Contact: <sip:peer@${this.#host}:${this.port}>`,
    ];
    this.#send(lines, body, this.#pbxPort);
  }

  #respond(status: string, request: string, from: RemoteInfo, body = ""): void {
    const to = header(request, "To");
    const copied = request.split("\r\n").filter((line) => /^(Via|From|Call-ID|CSeq):/i.test(line));
    const lines = [
      `SIP/2.0 ${status}`,
      ...copied,
      `To: ${to}${to.includes("tag=") ? "" : `;tag=${TAG}`}`,
      `Contact: <sip:peer@${this.#host}:${this.port}>`,
    ];
    this.#send(lines, body, from.port);
  }

  #send(lines: string[], body: string, port: number): void {
    const type = body === "" ? [] : ["Content-Type: application/sdp"];
    const text = [...lines, ...type, `Content-Length: ${body.length}`, "", body].join("\r\n");
    this.#unsent += 1;
    this.#sip.send(Buffer.from(text, "latin1"), port, this.#pbx, () => {
      this.#unsent -= 1;
      this.#look();
    });
  }

  #sdp(payloadType: 0 | 9 = 0): string {
    const { port } = this.#rtp.address();
    const media = [
      `m=audio ${port} RTP/AVP ${payloadType} ${TELEPHONE_EVENT}`,
      `a=rtpmap:${payloadType} ${payloadType === 9 ? "G722" : "PCMU"}/8000`,
      "a=ptime:20",
      "a=sendrecv",
    ];
    const events = [`a=rtpmap:${TELEPHONE_EVENT} telephone-event/8000`, `a=fmtp:${TELEPHONE_EVENT} 0-16`];
    const session = ["v=0", `o=- 1 1 IN IP4 ${this.#host}`, "s=-", `c=IN IP4 ${this.#host}`, "t=0 0"];
    return `${[...session, ...media, ...events].join("\r\n")}\r\n`;
  }

  #startSending(): void {
    this.#sender ??= systemClock.every(20, () => this.#tick());
  }

  #stopSending(): void {
    this.#sender?.cancel();
    this.#sender = undefined;
  }

  /** 20 ms: a piece of a key, or of the tone, or of silence. */
  #tick(): void {
    this.#timestamp += 160;
    if (this.#rtpPort === 0) return;
    const key = this.#keys[0];
    if (key === undefined) {
      this.#packet(0, this.#timestamp, encoded(this.#tone()));
      return;
    }
    const first = key.left === 8;
    if (first) key.timestamp = this.#timestamp;
    key.left -= 1;
    const lasted = Math.min(5, 8 - key.left) * 160;
    const event = Buffer.from([KEYS.indexOf(key.digit), key.left < 3 ? 0x8a : 0x0a, lasted >> 8, lasted & 255]);
    this.#packet(TELEPHONE_EVENT, key.timestamp, event, first);
    if (key.left === 0) this.#keys.shift();
  }

  #tone(): Int16Array {
    const at = this.#timestamp;
    return Int16Array.from({ length: 160 }, (_, i) =>
      this.#toneHz === 0 ? 0 : 8_000 * Math.sin((2 * Math.PI * this.#toneHz * (at + i)) / 8_000),
    );
  }

  #packet(type: number, timestamp: number, payload: Uint8Array, marker = false): void {
    const header = Buffer.alloc(12);
    header[0] = 0x80;
    header[1] = type | (marker ? 0x80 : 0);
    header.writeUInt16BE(this.#sequence++ & 0xffff, 2);
    header.writeUInt32BE(timestamp >>> 0, 4);
    header.writeUInt32BE(0x51de, 8);
    this.#rtp.send(Buffer.concat([header, payload]), this.#rtpPort, this.#pbx);
  }

  #onRtp(packet: Buffer): void {
    if (((packet[1] ?? 0) & 0x7f) !== 0) return;
    this.heard.push({ atMs: systemClock.now(), pcm: decoded(packet.subarray(12)) });
    this.#look();
  }
}

const KEYS = "0123456789*#ABCD";
const TAG = "answered-here";

function encoded(pcm: Int16Array): Uint8Array {
  const bytes = new Uint8Array(pcm.length);
  ulaw.encode(pcm, bytes);
  return bytes;
}

function decoded(bytes: Uint8Array): Int16Array {
  const pcm = new Int16Array(bytes.length);
  ulaw.decode(bytes, pcm);
  return pcm;
}

const id = (): string => Math.random().toString(36).slice(2, 12);

const header = (text: string, name: string): string =>
  new RegExp(`^${name}:[ \\t]*(.*)$`, "im").exec(text)?.[1]?.trim() ?? "";

const rtpPortOf = (text: string): number => Number(/^m=audio (\d+)/m.exec(text)?.[1] ?? 0);

/** Whether most of the energy is at this frequency; 0 stands for any sound. */
function isTone(pcm: Int16Array, toneHz: number): boolean {
  if (toneHz === 0) return true;
  let [re, im, energy] = [0, 0, 0];
  pcm.forEach((sample, i) => {
    re += sample * Math.cos((2 * Math.PI * toneHz * i) / 8_000);
    im += sample * Math.sin((2 * Math.PI * toneHz * i) / 8_000);
    energy += sample * sample;
  });
  return (2 * (re * re + im * im)) / pcm.length > 0.7 * energy;
}

/** The longest time between the two moments in which this side heard nothing, in ms. */
export function longestSilence({ heard }: SipPeer, fromMs: number, toMs: number): number {
  const loud = heard.filter(({ atMs, pcm }) => atMs > fromMs && atMs < toMs && levelDbov(pcm) > AUDIBLE_DBOV);
  const moments = [fromMs, ...loud.map(({ atMs }) => atMs), toMs];
  return Math.max(...moments.slice(1).map((atMs, i) => atMs - (moments[i] ?? 0)));
}
