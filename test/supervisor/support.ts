import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { systemClock } from "../../src/base/clock.ts";

export interface Said {
  readonly message: string;
  readonly pid?: number;
  readonly silentMs?: number;
  readonly delayMs?: number;
  readonly at: number;
}

/** A supervisor in its own process, with the fixture's worker below it. Disposing kills both. */
export class Parent implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #said: Said[] = [];
  readonly #waiting = new Set<() => void>();
  readonly exited: Promise<{ code: number | null; signal: string | null }>;

  constructor(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
    const script = join(import.meta.dirname, "fixtures", "parent.ts");
    this.#child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, ...env },
    });
    if (this.#child.stdout) {
      createInterface({ input: this.#child.stdout }).on("line", (line) => {
        this.#said.push({ ...(JSON.parse(line) as Said), at: systemClock.now() });
        for (const wake of this.#waiting) wake();
      });
    }
    this.exited = new Promise((resolve) => this.#child.on("exit", (code, signal) => resolve({ code, signal })));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get said(): readonly Said[] {
    return this.#said;
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** Waits until this was said for the `nth` time. */
  async hears(text: string, nth = 1): Promise<Said> {
    for (;;) {
      const found = this.#said.filter(({ message }) => message.includes(text))[nth - 1];
      if (found) return found;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }

  workers(): number[] {
    return this.#said.filter(({ message }) => message === "worker started").map(({ pid }) => pid ?? 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.exited;
    for (const pid of this.workers()) killQuietly(pid);
    await Promise.all(this.workers().map(gone));
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It had ended by itself: so much the better.
  }
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Resolves when the process is gone from the process table, zombies included. The test's own time limit ends the wait. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await systemClock.sleep(10);
}
