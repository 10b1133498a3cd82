import { z } from "zod";
import { FRAME_MS, type Frame, type SampleRate } from "../../audio/frame.ts";
import type { VoiceActivity, VoiceDetector } from "../../conversation/providers.ts";
import type { ProviderModule } from "../module.ts";
import { Edges } from "./edges.ts";
import { type FvadInstance, loadFvad } from "./fvad-library.ts";

// libfvad goes on saying "voice" for 40 to 100 ms after the last sound (measured: 60 in the middle); that is part of our hang-over.
export const FVAD_TAIL_MS = 60;

export const fvadOptions = {
  mode: z.int().min(0).max(3).default(3).describe("0 takes anything for voice, 3 is hard to convince"),
  onsetMs: z
    .int()
    .min(20)
    .max(200)
    .multipleOf(FRAME_MS)
    .default(40)
    .describe("so much voice within 20 ms more is an onset"),
  hangMs: z
    .int()
    .min(60)
    .max(2000)
    .multipleOf(FRAME_MS)
    .default(160)
    .describe("so long without voice is an end, in ms"),
};

const schema = z.strictObject(fvadOptions);
type Options = z.output<typeof schema>;

/** WebRTC's voice activity detection, in this thread: 3 µs a frame. Takes loud noise, music and babble for voice. */
export const fvad: ProviderModule<"vad", typeof schema> = {
  stage: "vad",
  name: "fvad",
  schema,
  leavesHost: () => undefined,
  create(options): VoiceActivity {
    const library = loadFvad();
    return {
      name: "fvad",
      open: ({ rate }) => openFvad(library.open({ rate: fvadRate(rate), mode: options.mode }), options),
      close: async () => {},
    };
  },
};

/** Throws a RangeError for the rate that libfvad cannot take. */
export function fvadRate(rate: SampleRate): 8000 | 16_000 | 48_000 {
  if (rate === 24_000) throw new RangeError("fvad takes 8, 16 and 48 kHz, not 24 kHz");
  return rate;
}

function openFvad(library: FvadInstance, { onsetMs, hangMs }: Options): VoiceDetector {
  const edges = new Edges({ onsetFrames: onsetMs / FRAME_MS, hangFrames: hangMs / FRAME_MS });
  let closed = false;
  return {
    onsetMs,
    hangoverMs: hangMs + FVAD_TAIL_MS,
    get speaking() {
      return edges.speaking;
    },
    push(frame: Frame) {
      return closed ? undefined : edges.push(library.voiced(frame.pcm));
    },
    reset() {
      if (!closed) library.reset();
      edges.reset();
    },
    close() {
      if (!closed) library.free();
      closed = true;
    },
  };
}
