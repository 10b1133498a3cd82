import { flushCompileCache } from "node:module";
import { setImmediate as nextMacrotask } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { systemClock } from "../base/clock.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { FromRecordThread, RecordThreadData, ToRecordThread } from "./protocol.ts";
import { RecordBook } from "./record-book.ts";

// The thread that waits for the disk, so that no call does.

const tell = (message: FromRecordThread): void => parentPort?.postMessage(message);

const book = new RecordBook({
  ...(workerData as RecordThreadData),
  wall: () => systemClock.wall(),
  onSetAside: (file) => tell({ type: "setAside", file }),
  onDropped: () => tell({ type: "dropped" }),
});

async function run(
  job: ToRecordThread,
): Promise<Pick<Extract<FromRecordThread, { type: "done" }>, "lost" | "expired" | "claims" | "recalled">> {
  switch (job.type) {
    case "open":
      await book.open(job.handle, job.cdr);
      return {};
    case "change":
      await book.change(job.handle, job.change, job.turn);
      return {};
    case "retry":
      await book.retry();
      return {};
    case "closeLost":
      return { lost: await book.closeLost() };
    case "claim":
      return { claims: await book.claim(job.options) };
    case "settle":
      await book.settle(job.seq, job.settled);
      return {};
    case "remember":
      await book.remember(job);
      return {};
    case "recall":
      return { recalled: await book.recall(job) };
    case "expire":
      return { expired: await book.expire(job.keepDays, () => nextMacrotask()) };
  }
}

let last: Promise<void> = Promise.resolve();

parentPort?.on("message", (job: ToRecordThread) => {
  last = last.then(async () => {
    const outcome = await run(job).catch((error: unknown) => ({
      failed: { code: codeOf(error), message: messageOf(error) },
    }));
    tell({ type: "done", waiting: book.waiting, ...outcome });
  });
});
flushCompileCache();
