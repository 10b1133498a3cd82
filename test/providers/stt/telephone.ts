import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { ulaw } from "../../../src/audio/g711.ts";
import { type Script, scriptSchema } from "../../../src/providers/llm/scripted/script.ts";
import { speechAt } from "../support/sounds.ts";

/** Words as they come out of a µ-law line: 8 kHz, a little noise, 300 ms before and 240 ms after them. */
export function overTheTelephone(text: string, voice = "rms"): Int16Array {
  const { pcm } = speechAt({ rate: 8000, text, beforeMs: 300, afterMs: 240, voice });
  const bytes = new Uint8Array(pcm.length);
  ulaw.encode(pcm, bytes);
  ulaw.decode(bytes, pcm);
  return pcm;
}

/** The script of the agent that comes with Sidetone. */
export function receptionScript(): Script {
  const file = new URL("../../../agents/reception.yaml", import.meta.url);
  return scriptSchema.parse(parse(readFileSync(file, "utf8")).script);
}
