import { type ChildProcess, spawn } from "node:child_process";
import { resolve } from "node:path";
import { systemClock } from "../../src/base/clock.ts";

export const LAUNCHER: string = resolve(import.meta.dirname, "..", "..", "bin", "sidetone");

const SAYS_MS = 120_000;

/** `sidetone run` as an administrator starts it, and all that it has said. */
export class Running {
  readonly #child: ChildProcess;
  readonly exited: Promise<number | null>;
  log = "";

  constructor(file: string, { log = "pipe", launcher = LAUNCHER }: { log?: "pipe" | number; launcher?: string } = {}) {
    this.#child = spawn(launcher, ["run", "--config", file], { stdio: ["ignore", log, log] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.log += text;
      });
    }
    this.exited = new Promise((resolve) => this.#child.on("close", resolve));
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until the log holds this so often. Rejects with the log when the service ends before, or after two minutes. */
  async says(text: string, times = 1): Promise<void> {
    let over = false;
    const ended = this.exited.then(() => {
      over = true;
    });
    const deadline = systemClock.now() + SAYS_MS;
    while (this.log.split(text).length <= times) {
      if (over || systemClock.now() > deadline) throw new Error(`it never said "${text}":\n${this.log}`);
      await Promise.race([systemClock.sleep(20), ended]);
    }
  }
}
