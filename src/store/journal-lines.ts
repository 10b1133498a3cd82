import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";
import { z } from "zod";
import type { CourseEvent } from "../call/journal.ts";

const tool = z.object({ id: z.string(), name: z.string(), input: z.record(z.string(), z.unknown()) });

const next = z.discriminatedUnion("next", [
  z.object({ next: z.literal("menu"), reason: z.string() }),
  z.object({ next: z.literal("transfer"), target: z.string(), reason: z.string().exactOptional() }),
  z.object({ next: z.literal("hangup") }),
]);

const event: z.ZodType<CourseEvent> = z.discriminatedUnion("type", [
  z.object({ type: z.literal("asked"), text: z.string() }),
  z.object({ type: z.literal("saying"), kind: z.string(), pieces: z.array(z.string()) }),
  z.object({ type: z.literal("piece"), text: z.string() }),
  z.object({ type: z.literal("tools"), tools: z.array(tool) }),
  z.object({ type: z.literal("at"), piece: z.int().min(0) }),
  z.object({ type: z.literal("heard"), text: z.string(), tools: z.array(tool) }),
  z.object({ type: z.literal("tool"), id: z.string(), result: z.string() }),
  z.object({ type: z.literal("key"), digit: z.string().max(1) }),
  z.object({ type: z.literal("language"), language: z.string() }),
  z.object({ type: z.literal("left"), next }),
]);

const began = z.object({ version: z.literal(1), agent: z.string(), party: z.string() });

/** The first line of a call's journal: who talks with whom. */
export type Began = z.output<typeof began>;

export interface JournalRead {
  readonly began: Began;
  readonly events: readonly CourseEvent[];
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Turns what is to be written into lines and back; with a secret each line is sealed (AES-256-GCM) for its file and its place in it. */
export class JournalLines {
  readonly #key: Buffer | undefined;

  constructor(secret: string | undefined) {
    this.#key = secret === undefined ? undefined : Buffer.from(hkdfSync("sha256", secret, "", "sidetone journal", 32));
  }

  /** With its line break. `place`: counted from 0. */
  lineOf(value: Began | CourseEvent, file: string, place: number): string {
    const text = JSON.stringify(value);
    if (!this.#key) return `${text}\n`;
    const iv = randomBytes(IV_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv).setAAD(Buffer.from(`${file}:${place}`));
    const sealed = Buffer.concat([iv, cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
    return `${sealed.toString("base64")}\n`;
  }

  /** What is whole of it, up to the first line that is none. Undefined: not even the first one can be read. */
  read(text: string, file: string): JournalRead | undefined {
    // What follows the last line break was being written when its worker died.
    const lines = text.split("\n").slice(0, -1);
    const first = began.safeParse(this.#valueOf(lines[0] ?? "", file, 0));
    if (!first.success) return undefined;
    const events: CourseEvent[] = [];
    for (const [index, line] of lines.slice(1).entries()) {
      const parsed = event.safeParse(this.#valueOf(line, file, index + 1));
      if (!parsed.success) break;
      events.push(parsed.data);
    }
    return { began: first.data, events };
  }

  #valueOf(line: string, file: string, place: number): unknown {
    try {
      return JSON.parse(this.#key ? unseal(line, this.#key, `${file}:${place}`) : line);
    } catch {
      // Not ours, or not whole: the reader goes no further.
      return undefined;
    }
  }
}

function unseal(line: string, key: Buffer, place: string): string {
  const sealed = Buffer.from(line, "base64");
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, IV_BYTES))
    .setAAD(Buffer.from(place))
    .setAuthTag(sealed.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(IV_BYTES, -TAG_BYTES)), decipher.final()]).toString("utf8");
}
