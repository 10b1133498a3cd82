import { execFile } from "node:child_process";
import { closeSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { codeOf } from "../../src/base/errors.ts";

const run = promisify(execFile);

/** A disk of its own, a few hundred kilobytes large, that the test can fill to the last byte. Mounting it takes root. */
export class SmallDisk implements AsyncDisposable {
  readonly path: string;

  private constructor(path: string) {
    this.path = path;
  }

  static async mount(size: string): Promise<SmallDisk> {
    const path = await mkdtemp(join(tmpdir(), "sidetone-disk-"));
    await asRoot("mount", "-t", "tmpfs", "-o", `size=${size},mode=0777`, "sidetone", path);
    return new SmallDisk(path);
  }

  /** Returns the error with which the disk refuses the next byte. */
  fill(): string {
    const fd = openSync(this.#ballast, "a");
    try {
      for (;;) writeSync(fd, Buffer.alloc(4096));
    } catch (error) {
      return codeOf(error);
    } finally {
      closeSync(fd);
    }
  }

  free(): void {
    truncateSync(this.#ballast);
    rmSync(this.#ballast);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await asRoot("umount", "--lazy", this.path);
    await rm(this.path, { recursive: true, force: true });
  }

  get #ballast(): string {
    return join(this.path, "ballast");
  }
}

const asRoot = (program: string, ...args: readonly string[]) =>
  process.getuid?.() === 0 ? run(program, args) : run("sudo", ["-n", program, ...args]);
