import { setImmediate as nextMacrotask } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import { Journal } from "./journal.ts";
import type { FromJournal, JournalData, ToJournal } from "./protocol.ts";

// The thread that waits for the disk, so that no call does.

const tell = (message: FromJournal): void => parentPort?.postMessage(message);

const journal = new Journal({
  ...(workerData as JournalData),
  wall: () => systemClock.wall(),
  onSetAside: (file) => tell({ type: "setAside", file }),
  onDropped: () => tell({ type: "dropped" }),
});

async function run(job: ToJournal): Promise<Pick<Extract<FromJournal, { type: "done" }>, "lost" | "expired">> {
  switch (job.type) {
    case "open":
      await journal.open(job.handle, job.cdr);
      return {};
    case "change":
      await journal.change(job.handle, job.change, job.turn);
      return {};
    case "retry":
      await journal.retry();
      return {};
    case "closeLost":
      return { lost: await journal.closeLost() };
    case "expire":
      return { expired: await journal.expire(job.keepDays, () => nextMacrotask()) };
  }
}

let last: Promise<void> = Promise.resolve();

parentPort?.on("message", (job: ToJournal) => {
  last = last.then(async () => {
    const outcome = await run(job).catch((error: unknown) => ({
      failed: { code: codeOf(error), message: messageOf(error) },
    }));
    tell({ type: "done", waiting: journal.waiting, ...outcome });
  });
});
