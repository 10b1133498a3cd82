import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const MAIN = resolve(import.meta.dirname, "../../src/main.ts");

/** A temporary folder of its own for a demo: what the demo leaves of processes and files is told by it. */
export class DemoFolder implements Disposable {
  readonly #path = mkdtempSync(join(tmpdir(), "sidetone-demo-test-"));

  start(...args: readonly string[]) {
    return spawn(process.execPath, [MAIN, "demo", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, TMPDIR: this.#path },
    });
  }

  /** Every process that was started with this folder as its temporary one, whoever its parent is now. */
  processes(): string[] {
    return readdirSync("/proc").filter((pid) => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/environ`, "utf8").includes(`TMPDIR=${this.#path}\0`);
      } catch {
        return false;
      }
    });
  }

  left(): string[] {
    return readdirSync(this.#path);
  }

  [Symbol.dispose](): void {
    rmSync(this.#path, { recursive: true, force: true });
  }
}
