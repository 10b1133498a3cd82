/** One of the two laws of G.711 (ITU-T, 1988). Both directions write into the caller's buffer and return how many samples that were. */
export interface G711 {
  /** `out` must hold as many bytes as `pcm` has samples; throws a RangeError otherwise. */
  encode(pcm: Int16Array, out: Uint8Array): number;
  /** `out` must hold as many samples as `bytes` has bytes; throws a RangeError otherwise. */
  decode(bytes: Uint8Array, out: Int16Array): number;
  /** The byte that means silence: what an idle line sends. */
  readonly silence: number;
}

/** RTP payload type 0. µ-law looks at the upper 14 bits of a sample. */
export const ulaw: G711 = law({ encodeOne: encodeUlaw, decodeOne: decodeUlaw, ignoredBits: 2 });

/** RTP payload type 8. A-law looks at the upper 12 bits. */
export const alaw: G711 = law({ encodeOne: encodeAlaw, decodeOne: decodeAlaw, ignoredBits: 4 });

interface Rules {
  encodeOne(sample: number): number;
  decodeOne(byte: number): number;
  /** Low bits of a sample that the code does not depend on: they keep the table small enough for the first-level cache. */
  ignoredBits: number;
}

function law({ encodeOne, decodeOne, ignoredBits }: Rules): G711 {
  const codes = new Uint8Array(65536 >> ignoredBits);
  const mask = codes.length - 1;
  for (let sample = -32768; sample < 32768; sample += 1 << ignoredBits) {
    codes[(sample >> ignoredBits) & mask] = encodeOne(sample);
  }
  const samples = Int16Array.from({ length: 256 }, (_, byte) => decodeOne(byte));
  return {
    silence: encodeOne(0),
    encode(pcm, out) {
      if (out.length < pcm.length) throw new RangeError(`${out.length} bytes do not hold ${pcm.length} samples`);
      for (let i = 0; i < pcm.length; i++) out[i] = codes[((pcm[i] as number) >> ignoredBits) & mask] as number;
      return pcm.length;
    },
    decode(bytes, out) {
      if (out.length < bytes.length) throw new RangeError(`${out.length} samples do not hold ${bytes.length} bytes`);
      for (let i = 0; i < bytes.length; i++) out[i] = samples[bytes[i] as number] as number;
      return bytes.length;
    },
  };
}

// The arithmetic is that of the ITU's reference software (G.191): negative samples by one's complement, then sign,
// segment and four bits of mantissa, inverted in part so that an idle line is not all zeros.

function encodeUlaw(sample: number): number {
  const BIAS = 33;
  const magnitude = Math.min((sample < 0 ? ~sample : sample) >> 2, 8191 - BIAS) + BIAS;
  const segment = 26 - Math.clz32(magnitude);
  const code = (segment << 4) | ((magnitude >> (segment + 1)) & 15);
  return (~code & 0x7f) | (sample < 0 ? 0 : 0x80);
}

function decodeUlaw(byte: number): number {
  const code = ~byte & 0x7f;
  const magnitude = (((code & 15) << 1) + 33) << (code >> 4);
  const sample = (magnitude - 33) << 2;
  return byte & 0x80 ? sample : -sample;
}

function encodeAlaw(sample: number): number {
  const magnitude = (sample < 0 ? ~sample : sample) >> 4;
  const segment = Math.max(0, 28 - Math.clz32(magnitude));
  const code = (segment << 4) | ((magnitude >> Math.max(0, segment - 1)) & 15);
  return (code | (sample < 0 ? 0 : 0x80)) ^ 0x55;
}

function decodeAlaw(byte: number): number {
  const code = byte ^ 0x55;
  const segment = (code >> 4) & 7;
  const mantissa = ((code & 15) << 4) + 8;
  const magnitude = segment === 0 ? mantissa : (mantissa + 256) << (segment - 1);
  return code & 0x80 ? magnitude : -magnitude;
}
