import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Metrics } from "../base/metrics.ts";
import { localOf } from "../base/zone.ts";
import { type Hours, isOpenAt, opensNext } from "../call/hours.ts";
import {
  noOverrides,
  type Override,
  type Overrides,
  overrideFor,
  overrideSentences,
  withOverride,
} from "../call/override.ts";
import type { Config } from "../config/config.ts";
import type { Reception } from "../conversation/person.ts";
import { overrideFile, readOverrides, stampOf, writeOverrides } from "../store/override-file.ts";

export interface OpeningOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Pick<Metrics, "open" | "overridden">;
  readonly stateDir: string;
  /** The configuration in force. */
  readonly config: () => Pick<Config, "agents" | "people" | "hours">;
}

const LOOK_MS = 1000;

/** Who is there: by the hours, and by what somebody has opened or closed by hand. That is kept in a file, and outlives restarts. */
export class Opening {
  readonly #options: OpeningOptions;
  readonly #file: string;
  #overrides: Overrides = noOverrides;
  #stamp = "never read";
  #told = "";

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.#file = overrideFile(options.stateDir);
    this.#look();
  }

  /** Looks every second until the returned function is called: another worker or a command may have written. */
  watch(): () => void {
    const timer = this.#options.clock.every(LOOK_MS, () => this.#look());
    return () => timer.cancel();
  }

  agentIsOpen(name: string): boolean {
    const { config, clock } = this.#options;
    const wallMs = clock.wall();
    const forced = overrideFor(this.#overrides, name, wallMs);
    if (forced) return forced.state === "open";
    const { agents, hours } = config();
    return isOpenAt(hoursNamed(hours, agents[name]?.hours), wallMs);
  }

  /** A human's hours. What is closed by hand for everybody is closed for them, too. */
  hoursOf(target: string, language: string): ReturnType<Reception["hoursOf"]> {
    const { config, clock } = this.#options;
    const wallMs = clock.wall();
    const forced = overrideFor(this.#overrides, undefined, wallMs);
    if (forced) return { open: forced.state === "open" };
    const { people, hours } = config();
    const own = hoursNamed(hours, Object.hasOwn(people, target) ? people[target]?.hours : undefined);
    if (!own || isOpenAt(own, wallMs)) return { open: true };
    const next = opensNext(own, wallMs);
    return { open: false, ...(next !== undefined && { opens: whenOf(next, own.zone, language) }) };
  }

  /** The feature code: for everybody, until it is taken back. Never throws. */
  dialled(state: "open" | "closed" | "off"): void {
    const { clock, log } = this.#options;
    const since = clock.wall();
    const value: Override | undefined = state === "off" ? undefined : { state, until: null, since, by: "telephone" };
    try {
      this.#overrides = withOverride(readOverrides(this.#file), undefined, value, since);
      writeOverrides(this.#file, this.#overrides);
    } catch (error) {
      log.error(
        { reason: messageOf(error) },
        "what was dialled to open or close could not be kept; it holds in this worker",
      );
    }
    this.#stamp = stampOf(this.#file);
    this.#tell();
  }

  /** In an administrator's words, one sentence each. */
  sentences(): string[] {
    return overrideSentences(this.#overrides, this.#options.clock.wall());
  }

  #look(): void {
    const { log } = this.#options;
    const stamp = stampOf(this.#file);
    if (stamp !== this.#stamp) {
      this.#stamp = stamp;
      try {
        this.#overrides = readOverrides(this.#file);
      } catch (error) {
        log.error({ file: this.#file, reason: messageOf(error) }, "what was opened or closed by hand cannot be read");
      }
    }
    this.#tell();
  }

  #tell(): void {
    const { log, metrics, config, clock } = this.#options;
    for (const name of Object.keys(config().agents)) {
      metrics.open.set({ agent: name }, this.agentIsOpen(name) ? 1 : 0);
      metrics.overridden.set({ agent: name }, overrideFor(this.#overrides, name, clock.wall()) ? 1 : 0);
    }
    const sentences = this.sentences();
    const told = sentences.join(" ");
    if (told === this.#told) return;
    log.warn(
      { overrides: sentences },
      told === "" ? "nothing is opened or closed by hand any more" : "opened or closed by hand",
    );
    this.#told = told;
  }
}

const hoursNamed = (hours: Readonly<Record<string, Hours>>, name: string | undefined): Hours | undefined =>
  name !== undefined && Object.hasOwn(hours, name) ? hours[name] : undefined;

/** "Monday 09:00" by the clocks there, in the caller's language. */
function whenOf(wallMs: number, zone: string, language: string): string {
  const format = new Intl.DateTimeFormat(language, {
    timeZone: "UTC",
    weekday: "long",
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
  });
  const parts = Object.fromEntries(format.formatToParts(localOf(wallMs, zone)).map(({ type, value }) => [type, value]));
  return `${parts.weekday} ${parts.hour}:${parts.minute}`;
}
