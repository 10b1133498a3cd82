import { randomUUID } from "node:crypto";
import { abortable } from "../../../base/signals.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import type { Context } from "./line.ts";

/** One connection, for one context or for several at the same time. */
export interface VoiceLine {
  /** Room for one more context. */
  readonly free: boolean;
  readonly opened: { readonly promise: Promise<void> };
  open(id: string): Context;
  /** May be called twice. */
  close(): void;
}

export interface LinesOptions {
  readonly provider: string;
  /** Connections at the same time. */
  readonly connections: number;
  /**
   * A line of this kind: where a voice or a rate belongs to the connection, it is part of the kind. It calls `gone` when it takes no
   * context any more.
   */
  lineOf(kind: string, gone: (line: VoiceLine) => void): VoiceLine;
}

/** The connections to one voice: opened before they are needed, shared by calls, replaced when they are full or lost. */
export class Lines {
  readonly #options: LinesOptions;
  readonly #lines = new Map<string, VoiceLine[]>();
  #closed = false;

  constructor(options: LinesOptions) {
    this.#options = options;
  }

  /** Has a connection of this kind with room for one more. Never rejects. */
  async warm(kind: () => string, signal: AbortSignal): Promise<void> {
    try {
      await abortable(this.#line(kind()).opened.promise, signal);
    } catch {
      // The reply that needs the connection says what is wrong with it.
    }
  }

  /** Throws a ProviderError where the limit of connections is reached. */
  open(kind: string): Context {
    return this.#line(kind).open(randomUUID());
  }

  close(): void {
    this.#closed = true;
    for (const line of [...this.#lines.values()].flat()) line.close();
  }

  #line(kind: string): VoiceLine {
    const { provider, connections } = this.#options;
    const lines = this.#lines.get(kind) ?? [];
    const free = lines.find((line) => line.free);
    if (free) return free;
    if (this.#closed) throw new ProviderError(provider, "unreachable", "the voice is closed");
    const open = [...this.#lines.values()].flat().length;
    if (open >= connections)
      throw new ProviderError(provider, "overloaded", `all ${connections} connections are in use`);
    const line = this.#options.lineOf(kind, (one) => this.#forget(kind, one));
    this.#lines.set(kind, [...lines, line]);
    return line;
  }

  #forget(kind: string, line: VoiceLine): void {
    const left = (this.#lines.get(kind) ?? []).filter((one) => one !== line);
    if (left.length === 0) this.#lines.delete(kind);
    else this.#lines.set(kind, left);
  }
}
