import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFolder } from "../../base/package.ts";
import { ProviderError } from "../../conversation/providers.ts";

/** The trained numbers of one rate, rows of weights per output, laid out as silero-net.ts walks them. */
export interface SileroWeights {
  readonly rate: 8000 | 16_000;
  readonly bins: number;
  readonly first: Float32Array;
  readonly firstBias: Float32Array;
  readonly second: Float32Array;
  readonly secondBias: Float32Array;
  readonly third: Float32Array;
  readonly thirdBias: Float32Array;
  readonly fourth: Float32Array;
  readonly fourthBias: Float32Array;
  readonly gates: Float32Array;
  readonly gatesBias: Float32Array;
  readonly output: Float32Array;
  readonly outputBias: number;
}

/** Made from the original by deploy/convert-silero.ts; models/README.md says where that is from. */
const MODEL = join(packageFolder, "models/silero-vad-v6.f16");
const MODEL_SHA256 = "64df2e7410401fe40ed1c3802446674eaa13cfeb37e9b78d6e3434d54cd432f5";

/** Throws a ProviderError when the file is absent or is not the one that was tested. */
export function readSileroWeights(file: string | URL = MODEL): Record<8000 | 16_000, SileroWeights> {
  const bytes = readModel(file);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const take = (count: number): Float32Array => {
    const part = Float32Array.from({ length: count }, (_, i) => fromHalf(view.getUint16(at + 2 * i, true)));
    at += 2 * count;
    return part;
  };
  return { 16000: oneRate(16_000, take), 8000: oneRate(8000, take) };
}

function readModel(file: string | URL): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (cause) {
    throw new ProviderError("silero", "missing", `cannot read the model ${String(file)}: install Sidetone again`, {
      cause,
    });
  }
  if (createHash("sha256").update(bytes).digest("hex") !== MODEL_SHA256) {
    throw new ProviderError("silero", "missing", `the model ${String(file)} is damaged: install Sidetone again`);
  }
  return bytes;
}

function oneRate(rate: 8000 | 16_000, take: (count: number) => Float32Array): SileroWeights {
  const bins = rate === 16_000 ? 129 : 65;
  return {
    rate,
    bins,
    first: take(128 * 3 * bins),
    firstBias: take(128),
    second: take(64 * 3 * 128),
    secondBias: take(64),
    third: take(64 * 128),
    thirdBias: take(64),
    fourth: take(128 * 64),
    fourthBias: take(128),
    gates: take(512 * 256),
    gatesBias: take(512),
    output: take(128),
    outputBias: take(1)[0] ?? 0,
  };
}

/** IEEE 754 half precision; the oldest Node we run on has no Float16Array. */
function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}
