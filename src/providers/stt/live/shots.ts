import type { ProviderError } from "../../../conversation/providers.ts";
import type { LiveHearing, Wire } from "./hearing.ts";

/** One utterance on its way: a connection, or a request, of its own. */
export interface Shot {
  audio(pcm: Int16Array): void;
  finish(): void;
  close(): void;
}

export interface ShotEvents {
  /** It is there: sound can go out. */
  open(): void;
  /** Words so far. */
  partial(text: string): void;
  /** The last thing that comes of it. */
  final(text: string, confidence?: number): void;
  lost(error: ProviderError): void;
}

interface Fired {
  readonly shot: Shot;
  readonly kept: Int16Array[];
  open: boolean;
  used: boolean;
  finished: boolean;
  said: { readonly text: string; readonly confidence?: number | undefined } | undefined;
}

// Sound that is kept while a later connection is made.
const KEPT_PIECES = 200;

/**
 * For servers that end a connection with its utterance. The next one is open before it is needed; utterances may overlap, and are
 * answered in their order. A connection that is lost while nobody needs it is made again when somebody does.
 */
export class Shots implements Wire {
  readonly #hearing: LiveHearing;
  readonly #make: (events: ShotEvents) => Shot;
  readonly #waiting: Fired[] = [];
  #next: Fired | undefined;
  #closed = false;

  constructor(hearing: LiveHearing, make: (events: ShotEvents) => Shot) {
    this.#hearing = hearing;
    this.#make = make;
    this.#next = this.#load();
  }

  audio(pcm: Int16Array): void {
    const shot = this.#present();
    shot.used = true;
    if (shot.open) shot.shot.audio(pcm);
    else {
      shot.kept.push(pcm.slice());
      if (shot.kept.length > KEPT_PIECES) shot.kept.shift();
    }
  }

  finish(): void {
    const shot = this.#present();
    shot.used = shot.finished = true;
    this.#waiting.push(shot);
    if (shot.open) shot.shot.finish();
    this.#next = this.#load();
  }

  close(): void {
    this.#closed = true;
    for (const { shot } of this.#waiting.splice(0)) shot.close();
    this.#next?.shot.close();
    this.#next = undefined;
  }

  #present(): Fired {
    this.#next ??= this.#load();
    return this.#next;
  }

  #load(): Fired {
    const events: ShotEvents = {
      open: () => this.#opened(fired),
      partial: (text) => this.#partial(fired, text),
      final: (text, confidence) => this.#final(fired, { text, confidence }),
      lost: (error) => this.#lost(fired, error),
    };
    const fired: Fired = {
      shot: this.#make(events),
      kept: [],
      open: false,
      used: false,
      finished: false,
      said: undefined,
    };
    return fired;
  }

  #opened(fired: Fired): void {
    fired.open = true;
    for (const pcm of fired.kept.splice(0)) fired.shot.audio(pcm);
    if (fired.finished) fired.shot.finish();
    this.#hearing.ready();
  }

  #partial(fired: Fired, text: string): void {
    this.#hearing.heardOf();
    if (fired === this.#next && text !== "") this.#hearing.say({ text, final: false });
  }

  #final(fired: Fired, said: NonNullable<Fired["said"]>): void {
    this.#hearing.heardOf();
    fired.said ??= said;
    for (let first = this.#waiting[0]; first?.said; first = this.#waiting[0]) {
      this.#waiting.shift();
      first.shot.close();
      const { text, confidence } = first.said;
      this.#hearing.answer({ text, ...(confidence !== undefined && { confidence }) });
    }
  }

  #lost(fired: Fired, error: ProviderError): void {
    if (this.#closed || fired.said) return;
    // The first one tells that there is a server; a later one that idles may be dropped by it.
    const idle = fired === this.#next && !fired.used && fired.open;
    if (idle) this.#next = undefined;
    else this.#hearing.lost(error);
  }
}
