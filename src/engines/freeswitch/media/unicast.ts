import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import type { Clock } from "../../../base/clock.ts";
import { codeOf, OutsideError } from "../../../base/errors.ts";
import { withDeadline } from "../../../base/signals.ts";
import type { MediaChannel, MediaCounts } from "./port.ts";

const LOOPBACK = "127.0.0.1";
// The command takes effect with the channel's next 20 ms. What has not come after this many will not come.
const FIRST_MS = 250;
const TRIES = 3;

export interface UnicastOptions {
  readonly channel: MediaChannel;
  readonly clock: Clock;
  readonly counts: MediaCounts;
  /** The caller's sound, in the tick in which it came. */
  readonly onPacket: (data: Uint8Array) => void;
}

/**
 * FreeSWITCH's `unicast`: one UDP port on either side, one datagram a packet, both ways, no authentication. FreeSWITCH sends
 * one every 20 ms while it lives, also for a silent caller, and that is how we know that it does.
 */
export class Unicast {
  readonly #options: UnicastOptions;
  readonly #socket: Socket;
  /** Ports that FreeSWITCH was asked to take. A slow one may speak up when the next has been asked for. */
  readonly #asked: number[] = [];
  #port = 0;
  #packets = 0;
  #lastMs = 0;
  #closed = false;
  #onFirst: () => void = () => {};

  private constructor(options: UnicastOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    socket.on("message", (data, from) => this.#onMessage(data, from));
    // A datagram that cannot be sent is lost like any other; the silence of the other side is what is judged.
    socket.on("error", () => {});
  }

  /** Rejects with "unfit" when FreeSWITCH would talk over us, "timeout" when FreeSWITCH sends nothing from any of three ports, or with the channel's reason. */
  static async open(options: UnicastOptions): Promise<Unicast> {
    options.channel.signal.throwIfAborted();
    // Of two packets in the same 20 ms FreeSWITCH's RTP drops the later one without a word: for seconds that is ours.
    if (options.channel.sendsSilence)
      throw new OutsideError(
        "unfit",
        "FreeSWITCH sends silence of its own into this call, in place of the agent's words: set send_silence_when_idle=0 before it is lent.",
      );
    const unicast = new Unicast(options, await boundSocket());
    try {
      await unicast.#connect();
      return unicast;
    } catch (error) {
      unicast.close();
      throw error;
    }
  }

  /** How many datagrams the channel has sent. */
  get packets(): number {
    return this.#packets;
  }

  /** When the last one came. */
  get lastMs(): number {
    return this.#lastMs;
  }

  /** 20 ms, at once. */
  send(pcm: Int16Array): void {
    if (!this.#closed) this.#socket.send(pcm, this.#port, LOOPBACK);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#socket.close();
  }

  // FreeSWITCH says "queued" to the command, and of a port that it cannot have it tells nobody but its log.
  async #connect(): Promise<void> {
    const { clock, channel } = this.#options;
    const first = new Promise<void>((resolve) => {
      this.#onFirst = resolve;
    });
    for (let tries = 1; ; tries++) {
      await this.#ask();
      try {
        const message = "FreeSWITCH sends nothing by unicast; its log says why.";
        await withDeadline(() => first, { clock, ms: FIRST_MS, message, signal: channel.signal });
        return;
      } catch (error) {
        if (codeOf(error) !== "timeout" || tries === TRIES) throw error;
      }
    }
  }

  async #ask(): Promise<void> {
    const port = await freePort();
    this.#asked.push(port);
    await this.#options.channel.sendmsg({
      "call-command": "unicast",
      "local-ip": LOOPBACK,
      "local-port": String(port),
      "remote-ip": LOOPBACK,
      "remote-port": String(this.#socket.address().port),
      transport: "udp",
    });
  }

  #onMessage(data: Buffer, from: RemoteInfo): void {
    if (from.port !== this.#port || from.address !== LOOPBACK) {
      if (this.#port !== 0 || from.address !== LOOPBACK || !this.#asked.includes(from.port)) {
        this.#options.counts.strangers++;
        return;
      }
      this.#port = from.port;
      this.#onFirst();
    }
    this.#packets++;
    this.#lastMs = this.#options.clock.now();
    this.#options.onPacket(data);
  }
}

/** Addresses are numbers here, so that nothing is looked up, and a datagram leaves in the tick in which it is sent. */
async function boundSocket(): Promise<Socket> {
  const socket = createSocket({ type: "udp4", lookup: (host, _options, done) => done(null, host, 4) });
  await new Promise<void>((resolve, reject) => {
    socket.once("error", (error) => {
      reject(new OutsideError("unfit", "No UDP port is to be had on loopback.", { cause: error }));
    });
    socket.bind(0, LOOPBACK, resolve);
  });
  socket.removeAllListeners("error");
  return socket;
}

/** One that nobody has at this moment. Whoever takes it first after that has it: then the next is tried. */
async function freePort(): Promise<number> {
  const socket = await boundSocket();
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(resolve));
  return port;
}
