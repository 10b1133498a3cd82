import { OutsideError } from "../base/errors.ts";

/** One Int16Array a channel, all of one length. */
export interface Wav {
  readonly rate: number;
  readonly channels: readonly Int16Array[];
}

export type WavErrorCode = "notWav" | "unsupported" | "truncated" | "tooLong";

const HEADER_BYTES = 44;
const PCM = 1;
const EXTENSIBLE = 0xfffe;
const MAX_CHUNKS = 100;
const RATES = { min: 8000, max: 192_000 };

const wavError = (code: WavErrorCode, message: string): OutsideError => new OutsideError(code, message);

/**
 * Reads a RIFF WAVE of 16-bit PCM, mono or stereo. Throws an OutsideError with a WavErrorCode and a message that says what was found.
 * A length of zero or of "for ever" in the header, as a recorder leaves it that was killed, is read to the end of the file.
 */
export function readWav(bytes: Uint8Array, { maxSeconds = 3600 }: { maxSeconds?: number } = {}): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(view, 0) !== "RIFF" || tag(view, 8) !== "WAVE") {
    throw wavError("notWav", "this is no WAV file: it does not begin with RIFF and WAVE");
  }
  let format: Format | undefined;
  for (let at = 12, count = 0; at + 8 <= bytes.length && count < MAX_CHUNKS; count++) {
    const size = view.getUint32(at + 4, true);
    const body = at + 8;
    if (tag(view, at) === "fmt ") format = readFormat(view, body, size);
    if (tag(view, at) === "data") {
      if (!format) throw wavError("notWav", "the WAV file has sound before it says of which kind");
      const open = size === 0 || size >= 0xffff_fff0;
      if (!open && body + size > bytes.length) {
        throw wavError(
          "truncated",
          `the WAV file is cut short: ${size} bytes of sound promised, ${bytes.length - body} there`,
        );
      }
      return split(view, { at: body, bytes: open ? bytes.length - body : size, format, maxSeconds });
    }
    at = body + size + (size & 1);
  }
  throw wavError("truncated", "the WAV file has no sound in it");
}

/** The bytes of a WAV file. The channels must be of one length; one or two of them. */
export function writeWav({ rate, channels }: Wav): Uint8Array {
  const [first] = channels;
  if (!first || channels.length > 2)
    throw new RangeError(`a WAV of ${channels.length} channels: one or two are possible`);
  if (channels.some((channel) => channel.length !== first.length))
    throw new RangeError("the channels differ in length");
  const header = wavHeader({ rate, channels: channels.length, dataBytes: first.length * channels.length * 2 });
  const file = new Uint8Array(HEADER_BYTES + first.length * channels.length * 2);
  file.set(header);
  const view = new DataView(file.buffer);
  for (const [index, channel] of channels.entries()) {
    for (let i = 0; i < channel.length; i++) {
      view.setInt16(HEADER_BYTES + (i * channels.length + index) * 2, channel[i] as number, true);
    }
  }
  return file;
}

/** The 44 bytes that make a WAV of raw little-endian 16-bit samples, interleaved when there are two channels. */
export function wavHeader({
  rate,
  channels,
  dataBytes,
}: {
  rate: number;
  channels: number;
  dataBytes: number;
}): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  const view = new DataView(header.buffer);
  const ascii = (at: number, text: string) => header.set(Buffer.from(text, "latin1"), at);
  // A file of more than 4 GB cannot say how long it is; readers take "for ever" as "to the end".
  const length = (bytes: number) => Math.min(bytes, 0xffff_ffff);
  ascii(0, "RIFF");
  view.setUint32(4, length(dataBytes + HEADER_BYTES - 8), true);
  ascii(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, PCM, true);
  view.setUint16(22, channels, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, rate * channels * 2, true);
  view.setUint16(32, channels * 2, true);
  view.setUint16(34, 16, true);
  ascii(36, "data");
  view.setUint32(40, length(dataBytes), true);
  return header;
}

interface Format {
  readonly rate: number;
  readonly channels: number;
}

const tag = (view: DataView, at: number): string =>
  String.fromCharCode(view.getUint8(at), view.getUint8(at + 1), view.getUint8(at + 2), view.getUint8(at + 3));

function readFormat(view: DataView, at: number, size: number): Format {
  if (size < 16 || at + size > view.byteLength)
    throw wavError("truncated", "the WAV file's description of its sound is cut short");
  const outer = view.getUint16(at, true);
  // The extensible form keeps the real code in the first two bytes of a GUID.
  const code = outer === EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : outer;
  const channels = view.getUint16(at + 2, true);
  const rate = view.getUint32(at + 4, true);
  const bits = view.getUint16(at + 14, true);
  if (code !== PCM || bits !== 16) {
    throw wavError(
      "unsupported",
      `the WAV file holds ${bits}-bit sound of format ${code}; 16-bit PCM (format 1) is needed`,
    );
  }
  if (channels < 1 || channels > 2)
    throw wavError("unsupported", `the WAV file has ${channels} channels; one or two are needed`);
  if (rate < RATES.min || rate > RATES.max)
    throw wavError("unsupported", `the WAV file has ${rate} samples a second; 8000 to 192000 are possible`);
  return { rate, channels };
}

function split(
  view: DataView,
  { at, bytes, format, maxSeconds }: { at: number; bytes: number; format: Format; maxSeconds: number },
): Wav {
  const { rate, channels } = format;
  const length = Math.floor(bytes / 2 / channels);
  if (length > maxSeconds * rate) {
    throw wavError("tooLong", `the WAV file is ${Math.round(length / rate)} s long; at most ${maxSeconds} s are taken`);
  }
  const parts = Array.from({ length: channels }, () => new Int16Array(length));
  for (const [index, part] of parts.entries()) {
    for (let i = 0; i < length; i++) part[i] = view.getInt16(at + (i * channels + index) * 2, true);
  }
  return { rate, channels: parts };
}
