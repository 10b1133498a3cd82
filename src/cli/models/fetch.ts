import { createWriteStream } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Http } from "../../providers/http.ts";
import type { ModelFile } from "./catalogue.ts";
import { verifyFile } from "./verify.ts";

export interface FetchOptions {
  readonly http: Pick<Http, "fetch">;
  readonly signal: AbortSignal;
}

// No recommended file is larger; a server that never ends must not fill the disk.
const LARGEST_BYTES = 1024 * 1024 * 1024;

/**
 * Brings a file to `path`. It is there only when it is whole and the one that was meant: until then it has another name. Rejects
 * with a sentence of what went wrong.
 */
export async function fetchFile(path: string, file: ModelFile, { http, signal }: FetchOptions): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const aside = `${path}.${process.pid}.part`;
  try {
    const response = await http.fetch(file.url, { signal });
    if (!response.ok || !response.body) throw new Error(`the server answered ${response.status}`);
    const limit = file.sizeBytes ?? LARGEST_BYTES;
    await pipeline(Readable.fromWeb(response.body as never), atMost(limit), createWriteStream(aside), { signal });
    const verdict = await verifyFile(aside, file);
    if (verdict.state === "wrong") throw new Error(`what came ${verdict.problem}`);
    await rename(aside, path);
  } finally {
    await rm(aside, { force: true });
  }
}

function atMost(bytes: number): Transform {
  let came = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      came += chunk.length;
      if (came > bytes) done(new Error(`more than ${bytes} bytes came`));
      else done(null, chunk);
    },
  });
}
