import type { Clock, Timer } from "../base/clock.ts";
import type { LiveCalls, LiveEvent } from "./live.ts";
import { followPeer, type Peer } from "./peers.ts";

export interface AllEventsOptions {
  readonly live: Pick<LiveCalls, "subscribe">;
  readonly peers: () => readonly Peer[];
  readonly token: string;
  readonly clock: Clock;
}

/** Workers come and go while somebody reads. */
const LOOK_MS = 250;

/** What happens in the calls of all workers: this one's own, and those of the others for as long as somebody listens. */
export class AllEvents implements Pick<LiveCalls, "subscribe"> {
  readonly #options: AllEventsOptions;
  readonly #listeners = new Set<(event: LiveEvent) => void>();
  readonly #followed = new Map<string, () => void>();
  #looking: Timer | undefined;

  constructor(options: AllEventsOptions) {
    this.#options = options;
  }

  subscribe(listener: (event: LiveEvent) => void): () => void {
    const leave = this.#options.live.subscribe(listener);
    this.#listeners.add(listener);
    if (!this.#looking) {
      this.#looking = this.#options.clock.every(LOOK_MS, () => this.#look());
      this.#look();
    }
    return () => {
      leave();
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#rest();
    };
  }

  #look(): void {
    const { peers, token } = this.#options;
    for (const peer of peers()) {
      const { socketPath } = peer;
      if (this.#followed.has(socketPath)) continue;
      const onEvent = (event: LiveEvent): void => {
        for (const listener of this.#listeners) listener(event);
      };
      const onEnd = (): void => void this.#followed.delete(socketPath);
      this.#followed.set(socketPath, followPeer(peer, token, { onEvent, onEnd }));
    }
  }

  #rest(): void {
    this.#looking?.cancel();
    this.#looking = undefined;
    for (const leave of this.#followed.values()) leave();
  }
}
