import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { wavHeader } from "./wav.ts";

export interface JoinOptions {
  /** Files of raw 16-bit little-endian samples, one a channel, left first. Undefined: that side is silent. */
  readonly channels: readonly [string | undefined, string | undefined];
  readonly rate: number;
  /** Written anew; readable for its group. */
  readonly out: string;
}

const CHUNK_SAMPLES = 16_384;
const BYTES = 2;

/**
 * Makes one stereo WAV file of two files of raw samples, piece by piece: an hour of call needs no more memory than a
 * second of it, and the event loop is never kept for long. The shorter side is silent at its end. Resolves with the
 * samples a channel, when the file is on the disk; rejects with what the file system says.
 */
export async function joinWav({ channels, rate, out }: JoinOptions): Promise<number> {
  await using files = new AsyncDisposableStack();
  const sides: (FileHandle | undefined)[] = [];
  for (const path of channels) sides.push(path === undefined ? undefined : files.use(await openRaw(path)));
  const lengths = await Promise.all(sides.map(async (side) => (side ? samplesOf((await side.stat()).size) : 0)));
  const samples = Math.max(...lengths);
  const target = files.use(
    await open(out, constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW, 0o640),
  );
  // The mode above is what the process's mask leaves of it.
  await target.chmod(0o640);
  await writeAll(target, wavHeader({ rate, channels: 2, dataBytes: samples * 2 * BYTES }));
  const mono = new Int16Array(CHUNK_SAMPLES);
  const stereo = new Int16Array(2 * CHUNK_SAMPLES);
  for (let at = 0; at < samples; at += CHUNK_SAMPLES) {
    const count = Math.min(CHUNK_SAMPLES, samples - at);
    for (const [channel, side] of sides.entries()) {
      await readSamples(side, mono.subarray(0, count), at);
      for (let i = 0; i < count; i++) stereo[2 * i + channel] = mono[i] as number;
    }
    await writeAll(target, new Uint8Array(stereo.buffer, 0, 2 * count * BYTES));
  }
  await target.datasync();
  return samples;
}

const openRaw = (path: string): Promise<FileHandle> => open(path, constants.O_RDONLY | constants.O_NOFOLLOW);

const samplesOf = (bytes: number): number => Math.floor(bytes / BYTES);

/** Fills `into` from the sample `at` on; with silence where the file has ended. */
async function readSamples(file: FileHandle | undefined, into: Int16Array, at: number): Promise<void> {
  const bytes = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
  let filled = 0;
  while (file && filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, at * BYTES + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  bytes.fill(0, filled - (filled % BYTES));
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, written);
    written += bytesWritten;
  }
}
