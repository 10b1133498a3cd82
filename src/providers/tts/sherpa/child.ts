/** The process that speaks: sherpa-onnx is C++ and ends its process over a bad model, which must cost a voice and no call. Started by mouth.ts. */
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { messageOf } from "../../../base/errors.ts";
import { faultOf } from "../../model-check.ts";
import type { FromMouth, SherpaModel, ToMouth } from "./protocol.ts";

/** The part of the library that is used here. */
interface OfflineTts {
  readonly sampleRate: number;
  readonly numSpeakers: number;
  generateAsync(request: {
    text: string;
    sid: number;
    speed: number;
    enableExternalBuffer: boolean;
    onProgress: (info: { samples: Float32Array }) => boolean;
  }): Promise<{ samples: Float32Array }>;
}

interface Library {
  readonly OfflineTts: { createAsync(config: object): Promise<OfflineTts> };
}

const tell = (message: FromMouth): void => {
  process.send?.(message);
};

async function start(model: SherpaModel, library: string): Promise<void> {
  const fault = await faultOf(model.folder, model.files);
  if (fault !== undefined) {
    tell({ type: "missing", message: fault });
    return;
  }
  let sherpa: Library;
  try {
    sherpa = createRequire(import.meta.url)(library) as Library;
  } catch (error) {
    tell({
      type: "missing",
      message: `the npm package sherpa-onnx-node cannot be loaded; run npm ci without --omit=optional (${messageOf(error)})`,
    });
    return;
  }
  try {
    serve(await sherpa.OfflineTts.createAsync(configOf(model)));
  } catch (error) {
    tell({ type: "missing", message: `the model in ${model.folder} cannot be used: ${messageOf(error)}` });
  }
}

function serve(tts: OfflineTts): void {
  const cancelled = new Set<number>();
  let last = Promise.resolve();
  process.on("message", (message: ToMouth) => {
    if (message.type === "cancel") cancelled.add(message.id);
    // One after the other: the model takes all the threads that it was given.
    else
      last = last
        .then(() => say(tts, message, cancelled))
        .catch((error: unknown) => tell({ type: "failed", id: message.id, message: messageOf(error) }));
  });
  tell({ type: "ready", rateHz: tts.sampleRate, speakers: tts.numSpeakers });
}

async function say(
  tts: OfflineTts,
  { id, text, speaker, speed }: Extract<ToMouth, { type: "speak" }>,
  cancelled: Set<number>,
): Promise<void> {
  let given = 0;
  const give = (samples: Float32Array): void => {
    given += samples.length;
    if (samples.length > 0 && !cancelled.has(id)) tell({ type: "sound", id, pcm: integers(samples) });
  };
  if (!cancelled.has(id)) {
    const whole = await tts.generateAsync({
      text,
      sid: speaker,
      speed,
      enableExternalBuffer: false,
      onProgress: ({ samples }) => {
        give(samples);
        return !cancelled.has(id);
      },
    });
    // A model that tells of no progress has said all of it now.
    give(whole.samples.subarray(Math.min(given, whole.samples.length)));
  }
  cancelled.delete(id);
  tell({ type: "done", id });
}

function integers(samples: Float32Array): Int16Array {
  const pcm = new Int16Array(samples.length);
  for (let at = 0; at < pcm.length; at++) pcm[at] = Math.round(32_767 * Math.max(-1, Math.min(1, samples[at] ?? 0)));
  return pcm;
}

/** Which file is what, by the names that sherpa-onnx's models have. */
function configOf({ folder, files, kind, threads }: SherpaModel): object {
  const names = Object.keys(files);
  const path = (name: string | undefined): string => (name === undefined ? "" : join(folder, name));
  const named = (pattern: RegExp): string => path(names.find((name) => pattern.test(name)));
  const vocoder = /(^|\/)(vocos|hifigan)[^/]*\.onnx$/;
  const model = path(names.find((name) => name.endsWith(".onnx") && !vocoder.test(name)));
  const data = join(folder, "espeak-ng-data");
  const shared = { tokens: named(/(^|\/)tokens\.txt$/), dataDir: existsSync(data) ? data : "" };
  const lexicon = names
    .filter((name) => /(^|\/)lexicon[^/]*\.txt$/.test(name))
    .map(path)
    .join(",");
  const parts = {
    vits: { model, lexicon, ...shared },
    matcha: { acousticModel: model, vocoder: named(vocoder), lexicon, ...shared },
    kokoro: { model, voices: named(/voices\.bin$/), lexicon, ...shared },
    kitten: { model, voices: named(/voices\.bin$/), ...shared },
  };
  return { model: { [kind]: parts[kind], numThreads: threads, debug: false, provider: "cpu" }, maxNumSentences: 1 };
}

// Nobody is left to speak for.
process.on("disconnect", () => process.exit(0));
// A Ctrl-C in the terminal goes to the whole group; the parent decides when a voice closes.
process.on("SIGINT", () => {});
const [model = "{}", library = "sherpa-onnx-node"] = process.argv.slice(2);
await start(JSON.parse(model) as SherpaModel, library);
