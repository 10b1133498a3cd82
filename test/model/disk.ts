import type { DiskFile, JournalDisk } from "../../src/store/journal-disk.ts";
import type { Process, World } from "./world.ts";

/** What all processes of one machine see of its disk. */
export interface SharedDisk {
  readonly files: Map<string, Buffer>;
  /** Nothing is done before. */
  hangsUntilMs: number;
  full: boolean;
}

export const emptyDisk = (): SharedDisk => ({ files: new Map(), hangsUntilMs: 0, full: false });

/** A process's view of it. A process that is killed while the kernel writes leaves all, a part or none of it behind. */
export function diskOf(world: World, disk: SharedDisk, process: Process): JournalDisk {
  const kernel = <T>(work: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (process.state === "dead") return;
      const waitMs = Math.max(0, disk.hangsUntilMs - world.nowMs) + world.between(0.05, 1.5);
      world.after(waitMs, () => {
        // What the kernel was asked for is done, unless the process went before it was begun.
        if (process.state === "dead" && world.chance(0.5)) return;
        try {
          const value = work();
          process.deliver(() => resolve(value));
        } catch (error) {
          process.deliver(() => reject(error));
        }
      });
    });
  const fileAt = (path: string): DiskFile => ({
    write: (data, at) =>
      kernel(() => {
        if (disk.full) throw Object.assign(new Error("no space"), { code: "ENOSPC" });
        const whole = process.state !== "dead";
        const taken = whole ? data.length : Math.floor(world.between(0, data.length));
        const before = disk.files.get(path);
        // Somebody has removed it meanwhile: what is written goes nowhere.
        if (before) disk.files.set(path, Buffer.concat([before.subarray(0, at), data.subarray(0, taken)]));
        return taken;
      }),
    sync: () => kernel(() => {}),
    close: () => kernel(() => {}),
  });
  return {
    makeFolder: () => kernel(() => {}),
    create: (path) =>
      kernel(() => {
        if (disk.files.has(path)) return undefined;
        disk.files.set(path, Buffer.alloc(0));
        return fileAt(path);
      }),
    read: (path) => kernel(() => disk.files.get(path)?.toString("utf8")),
    remove: (path) => kernel(() => void disk.files.delete(path)),
    list: () => kernel(() => [...disk.files.keys()]),
    changedAt: () => Promise.resolve(undefined),
  };
}
