import type { Clock } from "../../base/clock.ts";
import { codeOf, OutsideError } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import type { Siblings } from "../../call/siblings.ts";
import { AudioSocketServer } from "./audiosocket.ts";
import type { Line, LineCounts } from "./line.ts";

const STAND_BY_MS = 500;

export interface AudioSocketPortOptions {
  readonly host: string;
  readonly port: number;
  readonly siblings: Siblings | undefined;
  /** Whether new calls are welcome here. */
  readonly wanted: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly counts: LineCounts;
}

/** Where Asterisk's AudioSocket connects to. It goes to one address, and so to one worker; another one stands by until the port is free. */
export class AudioSocketPort {
  readonly #options: AudioSocketPortOptions;
  #server: AudioSocketServer | undefined;
  #standingBy = false;

  constructor(options: AudioSocketPortOptions) {
    this.#options = options;
  }

  /** Another worker has the port, and the calls. */
  get standingBy(): boolean {
    return this.#standingBy;
  }

  /** Throws an OutsideError when the port cannot be had, and no other worker has it. */
  async listenOrStandBy(signal: AbortSignal): Promise<void> {
    const { siblings, wanted, clock, log } = this.#options;
    while (!this.#server && !signal.aborted && wanted()) {
      try {
        await this.#listen();
      } catch (error) {
        if (!isTaken(error) || !siblings?.othersTake) throw error;
        if (!this.#standingBy) log.info({}, "another worker has AudioSocket's port: this one stands by");
        this.#standingBy = true;
        await clock.sleep(STAND_BY_MS, signal).catch(() => {});
      }
    }
  }

  /** The line that says this id of itself, when it comes. */
  async expect(id: string, signal: AbortSignal): Promise<Line> {
    return await (this.#server ?? (await this.#listen())).expect(id, signal);
  }

  /** Takes no more lines, so that another worker may. */
  shut(): void {
    this.#server?.shut();
  }

  async close(): Promise<void> {
    await this.#server?.close();
  }

  async #listen(): Promise<AudioSocketServer> {
    const { host, port, clock, log, counts } = this.#options;
    const server = new AudioSocketServer({ host, port, clock, log, counts });
    await server.listen();
    this.#server = server;
    this.#standingBy = false;
    log.info({ host, port }, "listening for AudioSocket");
    return server;
  }
}

const isTaken = (error: unknown): boolean => error instanceof OutsideError && codeOf(error.cause) === "EADDRINUSE";
