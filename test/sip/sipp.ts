import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Step, scenario } from "./scenario.ts";

export interface SippOptions {
  readonly steps: readonly (Step | readonly Step[])[];
  /** The number that is dialled. */
  readonly to: string;
  readonly sipPort: number;
  /** Where this caller comes from: endpoints are known by address. */
  readonly host?: string;
  /** What stands for [keyword] in the scenario. */
  readonly keys: Readonly<Record<string, string | number>>;
  readonly seconds?: number;
}

/** One call by SIPp. Resolves when the scenario went through; rejects with what SIPp found otherwise. */
export async function sipp({ steps, to, sipPort, host = "127.0.0.1", keys, seconds = 20 }: SippOptions): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "sidetone-sipp-"));
  try {
    const file = join(folder, "scenario.xml");
    const errors = join(folder, "errors.log");
    const messages = join(folder, "messages.log");
    await writeFile(file, scenario(steps));
    const pairs = Object.entries(keys).flatMap(([key, value]) => ["-key", key, String(value)]);
    const args = [`127.0.0.1:${sipPort}`, "-sf", file, "-m", "1", "-i", host, "-s", to, "-nostdin", ...pairs];
    const traces = ["-trace_err", "-error_file", errors, "-trace_msg", "-message_file", messages];
    const limits = ["-timeout", `${seconds}s`, "-timeout_error", "-recv_timeout", "8000"];
    const { code, output } = await run("sipp", [...args, ...traces, ...limits]);
    if (code === 0) return;
    const [said, told] = await Promise.all([errors, messages].map((name) => readFile(name, "utf8").catch(() => "")));
    throw new Error(`SIPp ended with ${code}:\n${said}\n${told?.slice(-6_000)}\n${output.slice(-500)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function run(program: string, args: readonly string[]): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    // SIPp draws on a terminal wherever it is told to.
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"], env: { ...process.env, TERM: "dumb" } });
    let output = "";
    const keep = (text: Buffer): void => {
      output = (output + text.toString()).slice(-10_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, output }));
  });
}
