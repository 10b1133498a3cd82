import { z } from "zod";
import { ulaw } from "../../../audio/g711.ts";
import { keySchema } from "../../key.ts";

/** What both of Deepgram's recognisers have in their configuration. */
export const deepgramKeys = {
  apiKey: keySchema.describe("The key of the project."),
  url: z
    .string()
    .regex(/^wss?:\/\//, "ws:// or wss://")
    .default("wss://api.deepgram.com")
    .describe("The server: Deepgram's own (`wss://api.eu.deepgram.com` in the EU) or one on the site."),
  encoding: z.enum(["linear16", "mulaw"]).default("linear16").describe("How sound is sent; `mulaw` halves the bytes."),
  mipOptOut: z.boolean().default(false).describe("Audio is not kept to improve Deepgram's models; costs more."),
};

/** Sound as it goes out. Valid until the next call. */
export function encoder(encoding: "linear16" | "mulaw"): (pcm: Int16Array) => Uint8Array {
  if (encoding === "linear16") return (pcm) => new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  let bytes = new Uint8Array(0);
  return (pcm) => {
    if (bytes.length < pcm.length) bytes = new Uint8Array(pcm.length);
    return bytes.subarray(0, ulaw.encode(pcm, bytes));
  };
}

// Deepgram takes 100 terms and 500 tokens, and the whole address has to pass proxies.
const MAX_TERMS = 100;
const MAX_WORDS = 300;
const MAX_CHARACTERS = 3_000;
// A whole sentence is no term: it would only use up the room of those that are.
const MAX_WORDS_A_TERM = 4;

/** The agent's hints that are worth boosting, most wanted first, within what the vendor takes. */
export function keyterms(hints: readonly string[]): string[] {
  const terms: string[] = [];
  let [words, characters] = [0, 0];
  for (const hint of hints) {
    const term = hint.trim();
    const count = term.split(/\s+/).length;
    if (term === "" || count > MAX_WORDS_A_TERM || terms.includes(term)) continue;
    words += count;
    characters += term.length;
    if (terms.length >= MAX_TERMS || words > MAX_WORDS || characters > MAX_CHARACTERS) break;
    terms.push(term);
  }
  return terms;
}
