/**
 * A bounded queue with one reader. When it is full it forgets the oldest item, and counts that: in live audio, late is lost.
 * Reading ends after `close`, when what was queued has been read.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #items: (T | undefined)[];
  #first = 0;
  #length = 0;
  #dropped = 0;
  #closed = false;
  #failure: { readonly error: unknown } | undefined;
  #wake: (() => void) | undefined;

  constructor(limit: number) {
    if (!Number.isInteger(limit) || limit < 1) throw new RangeError(`a queue of ${limit} items`);
    this.#items = new Array<T | undefined>(limit).fill(undefined);
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
    if (this.#length === this.#items.length) {
      this.shift();
      this.#dropped++;
    }
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

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
