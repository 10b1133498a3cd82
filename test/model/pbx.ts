import type { Engine } from "../../src/call/engine.ts";
import type { Process } from "./world.ts";

/** Where a caller is: still in the dialplan, lent, or at a place with a sound of its own. */
export type Whereabouts = "dialplan" | "lent" | "menu" | "transferred" | "gone";

/** A caller's channel, which walks through the shipped dialplan. */
export interface CallChannel {
  readonly id: string;
  readonly where: Whereabouts;
  readonly answeredMs: number | undefined;
  /** What carries the sound between the caller and a worker, while there is such a thing. */
  readonly media: object | undefined;
  /** Why the caller is in the menu. */
  readonly reason: string;
  /** Resolves when the caller is somewhere for good. */
  run(): Promise<void>;
  hangUp(): void;
}

/** A worker's engine at its PBX, and what may happen to the connections between them. */
export interface Attached {
  readonly engine: Engine;
  /** Which call's sound a medium carries. */
  channelOf(media: unknown): object | undefined;
  /** One of the PBX's `linkFaults`, by its place there. `hang` draws for how long. */
  fail(which: number, hang: () => number): void;
}

/** What a fault of a call's own connection costs. */
export interface Slow {
  /** So much later a worker hears that it has lost a call. */
  readonly newsMs: number;
  /** Instead of the PBX's `silenceMs`. */
  readonly silenceMs: number;
  /** After the calls it is waited for so long until everything that is to be written has been. */
  readonly calmMs: number;
}

/** A PBX, as far as a lent call goes. */
export interface Pbx {
  /** Workers that were started at once are ready by then. */
  readonly upMs: number;
  /** From the last fault that hits a call to a sound: see docs/decisions/0050. */
  readonly silenceMs: number;
  /** Something may still happen to a caller who is in the menu or with a human. */
  readonly restless: boolean;
  /** One worker leaves new calls to the other, so that an offer may be used up before anything has happened to anybody. */
  readonly uneven: boolean;
  readonly linkFaults: readonly string[];
  /** Those of them after which bounds are wider. */
  readonly slow: Readonly<Record<string, Slow>>;
  call(): CallChannel;
  attach(process: Process): Attached;
}
