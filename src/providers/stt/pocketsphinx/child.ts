/** The process that listens: libpocketsphinx is C, and a crash in it must cost an ear and no call. Started by ears.ts. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../../base/errors.ts";
import { createDecoders, type Decoder } from "./decoder.ts";
import { loadSphinx } from "./library.ts";
import { MISSING_KOFFI, MISSING_MODEL, MISSING_PROGRAM } from "./missing.ts";
import type { FromEar, ToEar } from "./protocol.ts";

// A partial is looked for after so much sound, in samples at 16 kHz (160 ms).
const PARTIAL_SAMPLES = 2560;
// A caller who never pauses is cut here, or the search's memory grows without end (20 s at 16 kHz).
const LONGEST_SAMPLES = 320_000;
const MAX_IDLE = 8;

interface Listening {
  readonly decoder: Decoder;
  readonly key: string;
  readonly telephone: boolean;
  before: string;
  said: string;
  samples: number;
  sinceLook: number;
}

const tell = (message: FromEar): void => {
  process.send?.(message);
};

function start(folder: string): void {
  const missing = existsSync(join(folder, "en-us.lm.bin")) ? undefined : MISSING_MODEL;
  if (missing) {
    tell({ type: "missing", message: missing });
    return;
  }
  try {
    const make = createDecoders(loadSphinx(), folder);
    serve(make);
    tell({ type: "ready" });
  } catch (error) {
    const message = messageOf(error);
    tell({ type: "missing", message: /koffi/i.test(message) ? MISSING_KOFFI : `${MISSING_PROGRAM} (${message})` });
  }
}

function serve(make: ReturnType<typeof createDecoders>): void {
  const hearings = new Map<number, Listening>();
  const idle: Pick<Listening, "decoder" | "key">[] = [];
  const open = ({ hearing, rate, hints }: Extract<ToEar, { type: "open" }>): void => {
    const key = `${rate}\n${hints.join("\n")}`;
    const kept = idle.findIndex((one) => one.key === key);
    const [ready] = kept < 0 ? [] : idle.splice(kept, 1);
    const telephone = rate === 8000;
    const decoder = ready?.decoder ?? make({ hints, telephone });
    hearings.set(hearing, { decoder, key, telephone, before: "", said: "", samples: 0, sinceLook: 0 });
    tell({ type: "open", hearing });
  };
  const close = (hearing: number): void => {
    const listening = hearings.get(hearing);
    if (!listening) return;
    hearings.delete(hearing);
    listening.decoder.reset();
    idle.push({ decoder: listening.decoder, key: listening.key });
    if (idle.length > MAX_IDLE) idle.shift()?.decoder.close();
  };
  process.on("message", (message: ToEar) => {
    try {
      if (message.type === "open") return open(message);
      if (message.type === "close") return close(message.hearing);
      const listening = hearings.get(message.hearing);
      if (!listening) return;
      if (message.type === "audio") listen(listening, message);
      else finish(listening, message.hearing);
    } catch (error) {
      tell({ type: "failed", hearing: message.hearing, message: messageOf(error) });
    }
  });
}

function listen(listening: Listening, { hearing, pcm }: Extract<ToEar, { type: "audio" }>): void {
  const samples = listening.telephone ? withMirrorImage(pcm) : pcm;
  listening.decoder.process(samples);
  listening.samples += samples.length;
  listening.sinceLook += samples.length;
  if (listening.sinceLook < PARTIAL_SAMPLES) return;
  listening.sinceLook = 0;
  const text = joined(listening.before, listening.decoder.partial());
  if (text !== listening.said && text !== "") tell({ type: "partial", hearing, text });
  listening.said = text;
  if (listening.samples < LONGEST_SAMPLES) return;
  listening.before = joined(listening.before, listening.decoder.finish().text).slice(-2000);
  listening.samples = 0;
}

function finish(listening: Listening, hearing: number): void {
  const { text, confidence } = listening.decoder.finish();
  tell({ type: "final", hearing, text: joined(listening.before, text), confidence });
  Object.assign(listening, { before: "", said: "", samples: 0, sinceLook: 0 });
}

/**
 * 8 to 16 kHz with zeros between the samples and no filter. The model is lost when the upper half of its band is empty
 * (93 % of the words wrong); the mirror image of the lower half repairs it.
 */
function withMirrorImage(pcm: Int16Array): Int16Array {
  const out = new Int16Array(pcm.length * 2);
  for (let at = 0; at < pcm.length; at++) out[at * 2] = pcm[at] ?? 0;
  return out;
}

const joined = (a: string, b: string): string => (a === "" || b === "" ? a + b : `${a} ${b}`);

// Nobody is left to hear for.
process.on("disconnect", () => process.exit(0));
// A Ctrl-C in the terminal goes to the whole group; the parent decides when an ear closes.
process.on("SIGINT", () => {});
start(process.argv[2] ?? "");
