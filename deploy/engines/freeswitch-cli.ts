import { createBackoff } from "../../src/base/backoff.ts";
import type { Clock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { withDeadline } from "../../src/base/signals.ts";
import { type EslAccess, EslClient } from "../../src/engines/freeswitch/esl/client.ts";

const ANSWER_MS = 10_000;
const COMMAND_MS = 5000;

/** What fs_cli does, without one: commands of an administrator, over one connection that is made anew when it breaks. */
export class FreeswitchCli {
  readonly #client: EslClient;
  readonly #clock: Clock;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;

  constructor(access: EslAccess, clock: Clock) {
    this.#clock = clock;
    const backoff = createBackoff({ minMs: 50, maxMs: 200 });
    this.#client = new EslClient({
      access,
      clock,
      log: silentLog,
      onEvent: () => {},
      onConnected: () => Promise.resolve(),
      backoff,
      refusedBackoff: backoff,
    });
  }

  /** What a command printed, whatever it says. Rejects when there is no answer within ten seconds. */
  ask(command: string, signal?: AbortSignal): Promise<string> {
    this.#running ??= this.#client.run(this.#abort.signal);
    return withDeadline(
      async (inner) => {
        const connection = await this.#client.connected(inner);
        const { type, body, head } = await connection.command(`api ${command}`, { ms: COMMAND_MS });
        return type === "api/response" ? body : (head.get("Reply-Text") ?? "");
      },
      {
        clock: this.#clock,
        ms: ANSWER_MS,
        message: `FreeSWITCH did not answer "${command}": ${this.#client.health.detail}`,
        signal: signal ?? this.#abort.signal,
      },
    );
  }

  async close(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }
}
