import { connect, type Socket } from "node:net";
import type { Clock, Timer } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { ProviderError } from "../conversation/providers.ts";

export interface WyomingEvent {
  readonly type: string;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly payload?: Uint8Array;
}

export interface WyomingOptions {
  readonly provider: string;
  readonly host: string;
  readonly port: number;
  readonly connectMs: number;
  readonly clock: Clock;
  open(): void;
  event(event: WyomingEvent): void;
  /** Once, unless it was closed from here. */
  lost(error: ProviderError): void;
}

const MAX_LINE_BYTES = 64 * 1024;
const MAX_PART_BYTES = 8 * 1024 * 1024;

/** The Wyoming protocol over TCP (github.com/OHF-Voice/wyoming): a line of JSON, then data and payload of the lengths it names. */
export class WyomingLine {
  readonly #options: WyomingOptions;
  readonly #socket: Socket;
  readonly #deadline: Timer;
  #buffer: Buffer = Buffer.alloc(0);
  #over = false;

  constructor(options: WyomingOptions) {
    this.#options = options;
    const { host, port, connectMs, clock, open } = options;
    this.#socket = connect({ host, port, noDelay: true, keepAlive: true });
    this.#deadline = clock.after(connectMs, () => this.#lose("timeout", `no connection in ${connectMs} ms`));
    this.#socket.on("connect", () => {
      this.#deadline.cancel();
      if (!this.#over) open();
    });
    this.#socket.on("data", (data) => this.#receive(data));
    this.#socket.on("error", (error) => {
      this.#lose(codeOf(error) === "ETIMEDOUT" ? "timeout" : "unreachable", messageOf(error), error);
    });
    this.#socket.on("close", () => this.#lose("unreachable", "it closed the connection"));
  }

  send({ type, data, payload }: WyomingEvent): void {
    if (this.#over) return;
    const lengths = payload && payload.length > 0 ? { payload_length: payload.length } : {};
    this.#socket.write(`${JSON.stringify({ type, ...(data && { data }), ...lengths })}\n`);
    if (payload && payload.length > 0) this.#socket.write(payload.slice());
  }

  /** May be called twice. */
  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#deadline.cancel();
    this.#socket.destroy();
  }

  #receive(data: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? data : Buffer.concat([this.#buffer, data]);
    try {
      for (let event = this.#take(); event && !this.#over; event = this.#take()) this.#options.event(event);
    } catch (error) {
      this.#lose("protocol", messageOf(error), error);
    }
  }

  #take(): WyomingEvent | undefined {
    const end = this.#buffer.indexOf(10);
    if (end < 0) {
      if (this.#buffer.length > MAX_LINE_BYTES) throw new Error("a line without an end");
      return undefined;
    }
    const header: unknown = JSON.parse(this.#buffer.subarray(0, end).toString("utf8"));
    if (!isRecord(header) || typeof header.type !== "string") throw new Error("a line that is no event");
    const dataLength = lengthOf(header.data_length);
    const payloadLength = lengthOf(header.payload_length);
    const total = end + 1 + dataLength + payloadLength;
    if (this.#buffer.length < total) return undefined;
    const more = this.#buffer.subarray(end + 1, end + 1 + dataLength);
    const payload = this.#buffer.subarray(end + 1 + dataLength, total);
    this.#buffer = this.#buffer.subarray(total);
    const own = isRecord(header.data) ? header.data : {};
    const added: unknown = dataLength > 0 ? JSON.parse(more.toString("utf8")) : {};
    return { type: header.type, data: { ...own, ...(isRecord(added) && added) }, payload };
  }

  #lose(code: "timeout" | "unreachable" | "protocol", message: string, cause?: unknown): void {
    if (this.#over) return;
    this.close();
    const options = cause === undefined ? {} : { cause };
    this.#options.lost(new ProviderError(this.#options.provider, code, message, options));
  }
}

function lengthOf(value: unknown): number {
  if (value === undefined || value === null) return 0;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 0 || value > MAX_PART_BYTES)
    throw new Error("a part of an impossible length");
  return value;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
