import type { ChildProcess } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { messageOf } from "../../src/base/errors.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { agents } from "../agents.ts";
import type { Bench } from "../metric.ts";
import { nextMessage, startChild } from "./child.ts";
import { INSPECTABLE, Inspector } from "./inspector.ts";
import type { FromGenerator, LoadOrder, LoadReport, ToGenerator } from "./protocol.ts";
import { startProviders } from "./provided.ts";

/** The worker alone: the service as users run it, beside a fake Asterisk with many callers and providers of fixed latencies, each a process of its own. */
export interface Bed {
  readonly pid: number;
  readonly service: DemoService;
  readonly inspector: Inspector;
  readonly generator: ChildProcess;
  readonly providers: ChildProcess;
  /** What is compiled and cached with the first calls is no call's: once for a bed. */
  warmUp(order: LoadOrder): Promise<void>;
  /** Puts the load on, calls `measuring` when all calls are up, and takes it off again. */
  load(order: LoadOrder, measuring?: () => Promise<void>): Promise<LoadReport>;
}

const MAX_CALLS = 2000;

async function lastFaults(logFile: string): Promise<string> {
  const lines = (await readFile(logFile, "utf8")).split("\n").filter((line) => /"level":"?(error|50|60)/.test(line));
  return lines.slice(-3).join(" ").slice(0, 1500) || "nothing";
}

interface BedOptions extends Pick<Bench, "clock" | "signal" | "progress"> {
  readonly undo: AsyncDisposableStack;
}

export async function makeBed({ clock, signal, progress, undo }: BedOptions): Promise<Bed> {
  const dir = await mkdtemp(join(tmpdir(), "sidetone-bench-"));
  undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
  progress("starting the fake Asterisk, the providers, and Sidetone beside them");
  const generator = startChild("generator.ts", undo);
  const pbx = await nextMessage<FromGenerator, "up">(generator, "up", signal);
  const { child: providers, settings } = await startProviders({ undo, signal });
  await mkdir(join(dir, "agents"), { recursive: true });
  await writeFile(join(dir, "agents/cloud.yaml"), agents["cloud.yaml"] ?? "");
  const service = await startDemoService({
    asterisk: pbx,
    dir,
    clock,
    env: INSPECTABLE,
    settings: {
      defaultAgent: "cloud",
      limits: { calls: MAX_CALLS, callerPerMinute: 0 },
      // A machine too busy for the load shall be measured, and not killed: how late the loop is, is one of the figures.
      supervisor: { killAfterMs: 10_000 },
      providers: settings,
    },
  });
  undo.defer(() => service.stop());
  await service.ready(signal);
  const pid = await service.workerPid();
  const inspector = await Inspector.find(service.logFile, pid);
  undo.defer(() => inspector[Symbol.asyncDispose]());
  const tell = (message: ToGenerator): void => void generator.send(message);
  let warm: Promise<unknown> | undefined;
  const bed: Bed = {
    pid,
    service,
    inspector,
    generator,
    providers,
    async warmUp(order) {
      warm ??= bed.load(order);
      await warm;
    },
    async load(order, measuring) {
      const begun = nextMessage<FromGenerator, "measuring">(generator, "measuring", signal);
      const measured = nextMessage<FromGenerator, "measured">(generator, "measured", signal);
      measured.catch(() => {});
      tell({ type: "load", order });
      await begun;
      await measuring?.().catch(async (error: unknown) => {
        throw new Error(`${messageOf(error)}; the service said: ${await lastFaults(service.logFile)}`);
      });
      const { report } = await measured;
      const idle = nextMessage<FromGenerator, "idle">(generator, "idle", signal);
      tell({ type: "hangUp" });
      await idle;
      return report;
    },
  };
  return bed;
}
