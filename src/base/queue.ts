const FEW = 8;

/**
 * A bounded queue with one reader. When it is full it forgets the oldest item, and counts that: in live audio, late is lost.
 * Reading ends after `close`, when what was queued has been read.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  #items: (T | undefined)[];
  #first = 0;
  #length = 0;
  #dropped = 0;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`a queue of ${limit} items`);
    this.#limit = limit;
    // Most queues are nearly empty all their lives.
    this.#items = new Array<T | undefined>(Math.min(limit, FEW)).fill(undefined);
  }

  get length(): number {
    return this.#length;
  }

  /** How many items nobody will read, because others came too fast. */
  get dropped(): number {
    return this.#dropped;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** False: the queue is closed and the item went nowhere. */
  push(item: T): boolean {
    if (this.#closed) return false;
    if (this.#length === this.#limit) {
      this.shift();
      this.#dropped++;
    } else if (this.#length === this.#items.length) this.#grow();
    this.#items[(this.#first + this.#length++) % this.#items.length] = item;
    this.#wakeReader();
    return true;
  }

  /** The oldest item, at once; undefined when there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined;
    const item = this.#items[this.#first];
    this.#items[this.#first] = undefined;
    this.#first = (this.#first + 1) % this.#items.length;
    this.#length--;
    return item;
  }

  /** No more items. May be called twice. */
  close(): void {
    this.#closed = true;
    this.#wakeReader();
  }

  /** As `close`, but the reader's loop ends with `error`, after what was queued before. */
  fail(error: unknown): void {
    if (this.#closed) return;
    this.#failure = { error };
    this.close();
  }

  /** A reader that leaves its loop closes the queue. */
  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    if (this.#wake) throw new Error("a queue has one reader");
    try {
      while (true) {
        while (this.#length > 0) yield this.shift() as T;
        if (this.#failure) throw this.#failure.error;
        if (this.#closed) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      this.close();
    }
  }

  #grow(): void {
    const items = new Array<T | undefined>(Math.min(this.#limit, this.#length * 2)).fill(undefined);
    for (let at = 0; at < this.#length; at++) items[at] = this.#items[(this.#first + at) % this.#items.length];
    this.#items = items;
    this.#first = 0;
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
