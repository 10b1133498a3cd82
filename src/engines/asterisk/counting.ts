import type { Clock } from "../../base/clock.ts";
import type { Log } from "../../base/log.ts";
import type { Metrics } from "../../base/metrics.ts";
import type { LineCounts } from "./line.ts";

const TELL_AGAIN_MS = 60_000;

export interface FaultCountingOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: Metrics | undefined;
  /** Of all lines; what was shown is taken out. */
  readonly counts: LineCounts;
  /** Malformed messages of ARI, since the start. */
  readonly malformed: () => number;
}

/** What went wrong on the lines and in what the PBX says: into the metrics each time, into the log once a minute. */
export class FaultCounting {
  readonly #options: FaultCountingOptions;
  #malformed = 0;
  #untold = { packets: 0, texts: 0, events: 0 };
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(options: FaultCountingOptions) {
    this.#options = options;
  }

  show(): void {
    const { metrics, counts, malformed } = this.#options;
    const events = malformed() - this.#malformed;
    const { droppedFrames, refusedPackets: packets, refusedTexts: texts } = counts;
    this.#malformed += events;
    Object.assign(counts, { droppedFrames: 0, refusedPackets: 0, refusedTexts: 0 });
    if (droppedFrames + packets > 0) metrics?.framesDropped.inc(droppedFrames + packets);
    if (texts > 0) metrics?.messagesRefused.inc({ source: "media" }, texts);
    if (events > 0) metrics?.messagesRefused.inc({ source: "control" }, events);
    const untold = this.#untold;
    untold.packets += packets;
    untold.texts += texts;
    untold.events += events;
    this.#tell();
  }

  #tell(): void {
    const { clock, log } = this.#options;
    const { packets, texts, events } = this.#untold;
    if (packets + texts + events === 0 || clock.now() - this.#toldMs < TELL_AGAIN_MS) return;
    this.#toldMs = clock.now();
    this.#untold = { packets: 0, texts: 0, events: 0 };
    log.warn({ packets, texts, events }, "the PBX sent what is no sound or no message of its own; it was ignored");
  }
}
