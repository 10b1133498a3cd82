import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";

export interface SpeechKey {
  readonly provider: string;
  /** With everything that changes its sound: "slt", "slt at speed 1.2". */
  readonly voice: string;
  readonly text: string;
  readonly rate: number;
}

export const speechKey = ({ provider, voice, text, rate }: SpeechKey): string =>
  JSON.stringify([provider, voice, text, rate]);

/** Spoken pieces in memory, 16-bit mono. When `limitBytes` is reached, what was not asked for the longest goes first. */
export class SpeechMemory {
  readonly #limitBytes: number;
  // A Map keeps the order of insertion: the first key is the one that was used the longest ago.
  readonly #pieces = new Map<string, Int16Array>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The very samples that are kept: do not write to them. */
  get(key: string): Int16Array | undefined {
    const pcm = this.#pieces.get(key);
    if (!pcm) return undefined;
    this.#pieces.delete(key);
    this.#pieces.set(key, pcm);
    return pcm;
  }

  set(key: string, pcm: Int16Array): void {
    this.#forget(key);
    if (pcm.byteLength > this.#limitBytes) return;
    this.#pieces.set(key, pcm);
    this.#bytes += pcm.byteLength;
    for (const oldest of this.#pieces.keys()) {
      if (this.#bytes <= this.#limitBytes) break;
      this.#forget(oldest);
    }
  }

  #forget(key: string): void {
    this.#bytes -= this.#pieces.get(key)?.byteLength ?? 0;
    this.#pieces.delete(key);
  }
}

/**
 * Spoken pieces on disk, for greetings and prompts only: what an agent says to a caller may be personal and is not written.
 * One file a piece, named after the hash of its key; a file appears whole or not at all. A disk that fails costs time, no call.
 */
export class SpeechDisk {
  readonly #folder: string;
  readonly #limitBytes: number;
  readonly #log: Log;

  constructor({ folder, limitBytes, log }: { folder: string; limitBytes: number; log: Log }) {
    this.#folder = folder;
    this.#limitBytes = limitBytes;
    this.#log = log;
  }

  async get(key: string): Promise<Int16Array | undefined> {
    const file = this.#fileOf(key);
    try {
      const bytes = await readFile(file);
      if (bytes.length === 0 || bytes.length % 2 !== 0) return undefined;
      return new Int16Array(Uint8Array.from(bytes).buffer);
    } catch (err) {
      if (codeOf(err) !== "ENOENT") this.#log.warn({ err }, "a prompt could not be read from disk");
      return undefined;
    }
  }

  /** Never rejects. */
  async set(key: string, pcm: Int16Array): Promise<void> {
    if (pcm.length === 0 || pcm.byteLength > this.#limitBytes) return;
    const file = this.#fileOf(key);
    const unfinished = `${file}.${randomUUID()}`;
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 });
      await writeFile(unfinished, new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength), { mode: 0o600 });
      await rename(unfinished, file);
      await this.#makeRoom();
    } catch (err) {
      this.#log.warn({ err }, "a prompt could not be kept on disk");
      await rm(unfinished, { force: true }).catch((again: unknown) => this.#log.debug({ err: again }, "nor removed"));
    }
  }

  /** It was wanted again: keep it longer. Never rejects. `wallMs`: since 1970. */
  async touch(key: string, wallMs: number): Promise<void> {
    await utimes(this.#fileOf(key), wallMs / 1000, wallMs / 1000).catch((err: unknown) =>
      this.#log.debug({ err }, "a prompt's time was not set"),
    );
  }

  async #makeRoom(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith(".pcm"));
    const files = await Promise.all(
      names.map(async (name) => ({ name, ...sizeAndAge(await stat(join(this.#folder, name))) })),
    );
    files.sort((a, b) => b.usedMs - a.usedMs);
    let bytes = 0;
    for (const file of files) {
      bytes += file.bytes;
      if (bytes > this.#limitBytes) await rm(join(this.#folder, file.name), { force: true });
    }
  }

  #fileOf(key: string): string {
    return join(this.#folder, `${createHash("sha256").update(key).digest("hex")}.pcm`);
  }
}

const sizeAndAge = ({ size, mtimeMs }: { size: number; mtimeMs: number }) => ({ bytes: size, usedMs: mtimeMs });
