import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { CALL_RATE, type Codec } from "./codec.ts";
import { Heard, type HeardOptions } from "./heard.ts";
import { type NetworkFaults, PoorNetwork } from "./network.ts";
import { PacketLog } from "./packet-log.ts";
import { Receiver } from "./receiver.ts";
import { Recording } from "./recording.ts";
import { Sender } from "./sender.ts";

export interface RtpOptions {
  readonly clock: Clock;
  /** Where our end of the audio is bound; the far end is told this address. */
  readonly localAddress: string;
  readonly silenceSuppression: boolean;
  readonly heard: HeardOptions;
  /** Undefined: a network that does nothing to packets. */
  readonly network?: NetworkFaults | undefined;
}

export interface Remote {
  readonly address: string;
  readonly port: number;
  readonly codec: Codec;
  readonly eventType: number | undefined;
  readonly sending: boolean;
}

const MAX_REMOTES = 4;

/** One call's audio both ways over one UDP port, with everything that is known about it afterwards. */
export class RtpSession {
  readonly log: PacketLog = new PacketLog();
  readonly heard: Heard;
  readonly sentRecording: Recording;
  readonly receivedRecording: Recording;
  readonly sender: Sender;
  readonly receiver: Receiver;
  readonly #clock: Clock;
  readonly #socket: Socket;
  /** Packets from elsewhere are not this call's. A re-INVITE may move the far end; what is on its way still counts. */
  readonly #remotes: string[] = [];
  /** There and back, where the network is a poor one. */
  readonly #poor: { readonly out: PoorNetwork; readonly back: PoorNetwork } | undefined;
  #remote: Remote | undefined;
  #strangers = 0;
  #unsent = 0;
  #closed = false;

  private constructor(socket: Socket, { clock, silenceSuppression, heard, network }: RtpOptions) {
    this.#socket = socket;
    this.#clock = clock;
    const startMs = clock.now();
    this.heard = new Heard(heard);
    this.sentRecording = new Recording({ rate: CALL_RATE, startMs });
    this.receivedRecording = new Recording({ rate: CALL_RATE, startMs });
    this.receiver = new Receiver({ log: this.log, recording: this.receivedRecording, heard: this.heard });
    this.sender = new Sender({
      clock,
      log: this.log,
      recording: this.sentRecording,
      silenceSuppression,
      send: (datagram) => this.#send(datagram),
      onTick: (nowMs) => this.receiver.tick(nowMs),
    });
    const receive = (datagram: Uint8Array): void => this.receiver.datagram(datagram, clock.now());
    this.#poor = network && {
      out: new PoorNetwork(network, { clock, deliver: (datagram) => this.#transmit(datagram) }),
      back: new PoorNetwork({ ...network, seed: ~(network.seed ?? 1) }, { clock, deliver: receive }),
    };
    socket.on("message", (datagram, from) => {
      if (!this.#remotes.includes(from.address)) this.#strangers += 1;
      else if (this.#poor) this.#poor.back.send(datagram);
      else receive(datagram);
    });
    // An unreachable far end (ICMP) is told by the call's signalling, not by its audio.
    socket.on("error", () => {
      this.#unsent += 1;
    });
  }

  /** Binds a free port. */
  static async open(options: RtpOptions): Promise<RtpSession> {
    const socket = createSocket(isIPv6(options.localAddress) ? "udp6" : "udp4");
    socket.bind(0, options.localAddress);
    await once(socket, "listening");
    return new RtpSession(socket, options);
  }

  get port(): number {
    return this.#closed ? 0 : this.#socket.address().port;
  }

  get codec(): Codec | undefined {
    return this.#remote?.codec;
  }

  /** Packets from addresses that have no part in the call, and packets that could not be sent. */
  get faults(): { strangers: number; unsent: number } {
    return { strangers: this.#strangers, unsent: this.#unsent };
  }

  /** Packets that the poor network lost on their way there and back. */
  get lost(): { sent: number; received: number } {
    return { sent: this.#poor?.out.lost ?? 0, received: this.#poor?.back.lost ?? 0 };
  }

  get nowMs(): number {
    return this.#clock.now();
  }

  /** Where the far end is, from its SDP. The first time starts the clock of packets. */
  connect(remote: Remote): void {
    this.#remote = remote;
    if (!this.#remotes.includes(remote.address)) this.#remotes.push(remote.address);
    if (this.#remotes.length > MAX_REMOTES) this.#remotes.shift();
    this.receiver.configure({ eventType: remote.eventType });
    this.sender.configure(remote);
  }

  /** May be called twice. What was recorded and logged stays readable. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.sender.close();
    this.#poor?.out.close();
    this.#poor?.back.close();
    this.#socket.close();
  }

  #send(datagram: Uint8Array): void {
    if (this.#poor) this.#poor.out.send(datagram);
    else this.#transmit(datagram);
  }

  #transmit(datagram: Uint8Array): void {
    const remote = this.#remote;
    // Address 0.0.0.0 is the old way to say "hold"; port 0 or 9 means no stream.
    if (this.#closed || !remote || remote.port === 0 || remote.address === "0.0.0.0") return;
    this.#socket.send(datagram, remote.port, remote.address, (error) => {
      if (error) this.#unsent += 1;
    });
  }
}
