/** One RTP packet as it left or came: enough to say afterwards, to the millisecond, who was heard when. */
export interface LoggedPacket {
  readonly direction: "sent" | "received";
  /** By the call's clock, which is monotonic. */
  readonly atMs: number;
  readonly sequence: number;
  readonly timestamp: number;
  readonly ssrc: number;
  readonly payloadType: number;
  readonly marker: boolean;
  readonly payloadBytes: number;
  /** RMS of the decoded sound in dBov, -127 for digital silence; NaN for what is no sound (key presses, unknown types). */
  readonly levelDbov: number;
}

/** 20 minutes, both directions. */
const MAX_PACKETS = 120_000;
const FIRST_PACKETS = 2_000;

/** A ring of columns: a packet costs 30 bytes and, but for the few times it grows, no allocation. When full it forgets the oldest. */
export class PacketLog {
  readonly #limit: number;
  #columns = columnsFor(0);
  #written = 0;

  constructor(limit: number = MAX_PACKETS) {
    this.#limit = Math.max(1, limit);
  }

  /** How many are kept. */
  get size(): number {
    return Math.min(this.#written, this.#limit);
  }

  /** How many were forgotten because the log was full. */
  get forgotten(): number {
    return this.#written - this.size;
  }

  add(packet: LoggedPacket): void {
    const columns = this.#room();
    const at = this.#written % this.#limit;
    columns.atMs[at] = packet.atMs;
    columns.level[at] = packet.levelDbov;
    columns.timestamp[at] = packet.timestamp;
    columns.ssrc[at] = packet.ssrc;
    columns.sequence[at] = packet.sequence;
    columns.bytes[at] = packet.payloadBytes;
    columns.type[at] = packet.payloadType | (packet.marker ? 128 : 0);
    columns.sent[at] = packet.direction === "sent" ? 1 : 0;
    this.#written += 1;
  }

  /** The kept ones in the order in which they left and came; all of them, or of one direction, or of a stretch of time. */
  *packets({
    direction,
    fromMs = Number.NEGATIVE_INFINITY,
    toMs = Number.POSITIVE_INFINITY,
  }: {
    direction?: LoggedPacket["direction"];
    fromMs?: number;
    toMs?: number;
  } = {}): Generator<LoggedPacket, void> {
    for (let index = this.#written - this.size; index < this.#written; index++) {
      const packet = this.#read(index % this.#limit);
      if (packet.atMs < fromMs || packet.atMs > toMs) continue;
      if (direction === undefined || packet.direction === direction) yield packet;
    }
  }

  #read(at: number): LoggedPacket {
    const { atMs, level, timestamp, ssrc, sequence, bytes, type, sent } = this.#columns;
    const typeAndMarker = type[at] ?? 0;
    return {
      direction: sent[at] === 1 ? "sent" : "received",
      atMs: atMs[at] ?? 0,
      sequence: sequence[at] ?? 0,
      timestamp: timestamp[at] ?? 0,
      ssrc: ssrc[at] ?? 0,
      payloadType: typeAndMarker & 127,
      marker: typeAndMarker >= 128,
      payloadBytes: bytes[at] ?? 0,
      levelDbov: level[at] ?? Number.NaN,
    };
  }

  #room(): Columns {
    const capacity = this.#columns.atMs.length;
    if (this.#written >= capacity && capacity < this.#limit) {
      const grown = columnsFor(Math.min(this.#limit, Math.max(FIRST_PACKETS, capacity * 2)));
      for (const name of COLUMN_NAMES) grown[name].set(this.#columns[name]);
      this.#columns = grown;
    }
    return this.#columns;
  }
}

const columnsFor = (size: number) => ({
  atMs: new Float64Array(size),
  level: new Float32Array(size),
  timestamp: new Uint32Array(size),
  ssrc: new Uint32Array(size),
  sequence: new Uint16Array(size),
  bytes: new Uint16Array(size),
  type: new Uint8Array(size),
  sent: new Uint8Array(size),
});

type Columns = ReturnType<typeof columnsFor>;

const COLUMN_NAMES: readonly (keyof Columns)[] = [
  "atMs",
  "level",
  "timestamp",
  "ssrc",
  "sequence",
  "bytes",
  "type",
  "sent",
];
