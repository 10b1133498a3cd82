import { open } from "node:fs/promises";

const HEAD_BYTES = 512;
const RIFF_SIZE_AT = 4;

/** Writes a WAV file's true lengths into its head, where whoever wrote it did not come to that. A file that is no WAV, or that is well, is only read. */
export async function mendWav(path: string): Promise<void> {
  const fault = await faultIn(path);
  if (!fault) return;
  const file = await open(path, "r+");
  try {
    await file.write(lengthOf(fault.size - fault.dataAt - 8), 0, 4, fault.dataAt + 4);
    await file.write(lengthOf(fault.size - 8), 0, 4, RIFF_SIZE_AT);
  } finally {
    await file.close();
  }
}

async function faultIn(path: string): Promise<{ size: number; dataAt: number } | undefined> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    if (head.toString("latin1", 0, 4) !== "RIFF") return undefined;
    const dataAt = head.indexOf("data", 12, "latin1");
    if (dataAt < 0 || dataAt + 8 > bytesRead) return undefined;
    const said = head.readUInt32LE(dataAt + 4);
    // More than there is, or nothing: as is written before the first sound, and corrected at the end.
    return said > 0 && dataAt + 8 + said <= size ? undefined : { size, dataAt };
  } finally {
    await file.close();
  }
}

function lengthOf(bytes: number): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(Math.min(bytes, 0xffff_ffff));
  return length;
}
