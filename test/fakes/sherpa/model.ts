import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const FILES = {
  "encoder-epoch-99.onnx": "an encoder",
  "decoder-epoch-99.onnx": "a decoder",
  "joiner-epoch-99.onnx": "a joiner",
  "tokens.txt": "<blk> 0\n▁TABLE 1\n▁FOR 2\n",
  "bpe.vocab": "▁TABLE -1\n",
};

/** A folder as a streaming model's, with its manifest, and nothing in its files that a real library would take. */
export class ModelFolder {
  readonly path = mkdtempSync(join(tmpdir(), "sidetone-model-"));

  constructor() {
    for (const [file, content] of Object.entries(FILES)) this.write(file, content);
    this.list();
  }

  write(file: string, content: string): void {
    writeFileSync(join(this.path, file), content);
  }

  remove(file: string): void {
    rmSync(join(this.path, file), { force: true });
  }

  /** Writes the manifest of what is there now. */
  list(): void {
    const entries = Object.keys(FILES).map((file) => {
      const bytes = readFileSync(join(this.path, file));
      return [file, { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") }];
    });
    this.write("model.json", JSON.stringify(Object.fromEntries(entries)));
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
