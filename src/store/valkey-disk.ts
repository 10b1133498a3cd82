import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Valkey } from "iovalkey";
import type { Clock } from "../base/clock.ts";
import { messageOf, OutsideError } from "../base/errors.ts";
import type { DiskFile, JournalDisk } from "./journal-disk.ts";

/** A server that speaks Valkey's protocol; Redis from 6.2 on does. */
export interface ValkeySettings {
  /** `valkey://host:port/database`, `valkeys://` over TLS. */
  readonly url: string;
  readonly user: string;
  readonly password?: string | undefined;
  /** A file of certificates that vouch for the server. Absent: those of this machine. */
  readonly ca?: string | undefined;
  readonly prefix: string;
  /** What is not answered by then is a failure, and the connection is made anew. */
  readonly timeoutMs: number;
}

/** What nobody goes on with, nor removes, the server removes so long after its last word. */
export const KEEP_MS = 3_600_000;
const RECONNECT_MS = 1000;
const CONNECT_MS = 2000;
const RETRY_MS = 250;
/** So many journals are written at once, in one round trip each. */
const LANES = 64;
const PORT = 6379;

interface ValkeyParts {
  readonly client: Valkey;
  readonly settings: ValkeySettings;
  readonly clock: Clock;
}

/**
 * What a journal asks of a disk, of a server that several hosts share. A file is two keys: `<prefix><name>` holds the
 * token of whoever has made it, `<prefix>text:<name>:<token>` what was written. The first is made by SET NX: the server
 * lets one alone do it. Whoever has lost it writes into a text of its own, and removes that again: no two write into one.
 */
export class ValkeyDisk implements JournalDisk {
  readonly lanes = LANES;
  readonly expires = true;
  readonly retryMs = RETRY_MS;
  readonly #client: Valkey;
  readonly #settings: ValkeySettings;
  readonly #clock: Clock;
  /** The first connection is there, or failed. */
  readonly #tried: Promise<unknown>;
  #fault = "";

  constructor({ client, settings, clock }: ValkeyParts) {
    this.#client = client;
    this.#settings = settings;
    this.#clock = clock;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tried = promise;
    client.on("error", (error: unknown) => {
      this.#fault = messageOf(error);
      resolve();
    });
    client.on("ready", () => {
      this.#fault = "";
      resolve();
    });
    client.on("end", () => resolve());
  }

  /** Nothing has to be made. */
  makeFolder(): Promise<void> {
    return Promise.resolve();
  }

  async create(path: string): Promise<DiskFile | undefined> {
    const name = nameIn(path);
    const token = randomBytes(12).toString("base64url");
    if (!(await this.#first(name, token, KEEP_MS))) return undefined;
    return { write: (data, at) => this.#write(name, token, data, at), sync: nothing, close: nothing };
  }

  async read(path: string): Promise<string | undefined> {
    const name = nameIn(path);
    const token = await this.#asked(() => this.#client.get(this.#key(name)));
    return token === null ? undefined : ((await this.#asked(() => this.#client.get(this.#text(name, token)))) ?? "");
  }

  async remove(path: string): Promise<void> {
    const name = nameIn(path);
    const token = await this.#asked(() => this.#client.getdel(this.#key(name)));
    if (token !== null) await this.#asked(() => this.#client.del(this.#text(name, token)));
  }

  async list(): Promise<string[]> {
    const { prefix } = this.#settings;
    const names: string[] = [];
    let cursor = "0";
    do {
      const [next, keys] = await this.#asked(() =>
        this.#client.scan(cursor, "MATCH", `${prefix}*.jsonl`, "COUNT", 500),
      );
      names.push(...keys.map((key) => key.slice(prefix.length)));
      cursor = next;
    } while (cursor !== "0");
    return [...new Set(names)];
  }

  async changedAt(path: string): Promise<number | undefined> {
    const left = await this.#asked(() => this.#client.pttl(this.#key(nameIn(path))));
    return left < 0 ? undefined : this.#clock.wall() - (KEEP_MS - left);
  }

  reserve(name: string, keepMs: number): Promise<boolean> {
    return this.#first(name, "1", keepMs);
  }

  async ready(): Promise<void> {
    await this.#asked(() => this.#client.ping());
  }

  async close(): Promise<void> {
    this.#client.disconnect();
  }

  /** Whether nobody had the key before: the server lets one alone make it. */
  async #first(name: string, value: string, keepMs: number): Promise<boolean> {
    return (await this.#asked(() => this.#client.set(this.#key(name), value, "PX", keepMs, "NX"))) !== null;
  }

  async #write(name: string, token: string, data: Buffer, at: number): Promise<number> {
    const [key, text] = [this.#key(name), this.#text(name, token)];
    const pipeline = this.#client.pipeline();
    pipeline.setrange(text, at, data).pexpire(text, KEEP_MS).pexpire(key, KEEP_MS).get(key);
    const answers = (await this.#asked(() => pipeline.exec())) ?? [];
    for (const [error] of answers) if (error) throw this.#faultOf(error);
    // It was removed, or is somebody else's: what was written here is nobody's.
    if (answers.at(-1)?.[1] !== token) await this.#asked(() => this.#client.del(text));
    return data.length;
  }

  async #asked<T>(ask: () => Promise<T>): Promise<T> {
    // Before that nobody knows whether there is a server: not for the first call to be told that there is none.
    await this.#tried;
    try {
      return await ask();
    } catch (error) {
      throw this.#faultOf(error);
    }
  }

  #faultOf(error: unknown): OutsideError {
    const { url } = this.#settings;
    const why = this.#fault === "" ? messageOf(error) : this.#fault;
    return new OutsideError("journal", `${url}: ${why}`, { cause: error });
  }

  #key(name: string): string {
    return `${this.#settings.prefix}${name}`;
  }

  #text(name: string, token: string): string {
    return `${this.#settings.prefix}text:${name}:${token}`;
  }
}

/** Connects in the background, again and again; what is asked meanwhile fails at once. */
export async function openValkey(settings: ValkeySettings, clock: Clock): Promise<ValkeyDisk> {
  const { hostname, port, pathname, protocol } = new URL(settings.url);
  const { user, password, timeoutMs } = settings;
  const host = hostname.replace(/^\[|\]$/g, "");
  // Loaded by those that have one alone: it takes its time, and its memory.
  const { Valkey: Client } = await import("iovalkey");
  const client = new Client({
    host,
    port: port === "" ? PORT : Number(port),
    db: Number(pathname.slice(1) || 0),
    ...(password !== undefined && { password, ...(user !== "" && { username: user }) }),
    ...(protocol === "valkeys:" && { tls: settings.ca === undefined ? {} : { ca: readFileSync(settings.ca) } }),
    connectionName: "sidetone",
    connectTimeout: CONNECT_MS,
    commandTimeout: timeoutMs,
    // A cut line says nothing by itself, for minutes.
    socketTimeout: timeoutMs,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (times) => Math.min(RECONNECT_MS, 50 * times),
    // A server that is another one's copy now: its address has moved on.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
  });
  return new ValkeyDisk({ client, settings, clock });
}

const nothing = (): Promise<void> => Promise.resolve();

const nameIn = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
