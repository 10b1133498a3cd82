import { statSync } from "node:fs";
import { inspect } from "node:util";
import { z } from "zod";

interface Source {
  /** Where the key is kept. */
  readonly path: string;
  /** Undefined: it cannot be read now. */
  read(): string | undefined;
}

/**
 * A provider's key. One that is kept in a file is read again when the file has changed, so that it can be rotated without a
 * restart: whoever connects or asks takes `current()` then. What logs or prints it shows no more than that it is one.
 */
export class Key {
  readonly #source: Source | undefined;
  #value: string;
  #stamp: string | undefined;

  constructor(value: string, source?: Source) {
    this.#value = value;
    this.#source = source;
    this.#stamp = source && stampOf(source.path);
  }

  current(): string {
    if (this.#source) this.#refresh(this.#source);
    return this.#value;
  }

  /** A file that is gone or empty for the moment, because it is being replaced, leaves the key that was read before. */
  #refresh(source: Source): void {
    const stamp = stampOf(source.path);
    if (stamp === undefined || stamp === this.#stamp) return;
    const value = source.read();
    if (value === undefined) return;
    this.#value = value;
    this.#stamp = stamp;
  }

  toString(): string {
    return "[key]";
  }

  toJSON(): string {
    return "[key]";
  }

  [inspect.custom](): string {
    return "[key]";
  }
}

function stampOf(path: string): string | undefined {
  const info = statSync(path, { throwIfNoEntry: false, bigint: true });
  return info && `${info.ino} ${info.mtimeNs} ${info.size}`;
}

/** What stands for a provider's key in its schema: plain text in tests, a Key out of the configuration. */
export const keySchema = z
  .union([z.string().min(1), z.instanceof(Key)])
  .transform((given) => (typeof given === "string" ? new Key(given) : given));
