import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { OutsideError } from "../../src/base/errors.ts";
import { silentLog } from "../../src/base/log.ts";
import { type Recording, unrecorded } from "../../src/call/recording.ts";
import { RecordingFolder } from "../../src/call/recording-folder.ts";
import { recordingPath, whyNoPattern } from "../../src/call/recording-path.ts";
import { until } from "../recording/recorded-pbx.ts";

const STARTED = 1_795_366_445;
const raw = { call: `${STARTED}.12`, startedEpochSeconds: STARTED };

describe("where a recording goes", () => {
  test("is made of the time and the PBX's id", () => {
    const at = new Date(STARTED * 1000);
    const path = recordingPath("{year}/{month}/{day}/{time}-{call}", raw);
    expect(path).toMatch(/^\d{4}\/\d\d\/\d\d\/\d{6}-1795366445\.12\.wav$/);
    expect(path.startsWith(String(at.getFullYear()))).toBe(true);
  });

  test("stays below the folder whatever the id is", () => {
    const path = recordingPath("{time}-{call}", { ...raw, call: "../../etc/passwd" });
    expect(path).not.toContain("/");
  });

  test.each([
    ["{time}-{call}", undefined],
    ["a/{time}-{call}", undefined],
    ["{call}", "{time}"],
    ["{time}", "{call}"],
    ["{from}/{time}-{call}", "{from}"],
    ["../{time}-{call}", "below"],
    ["/{time}-{call}", "below"],
    ["{year}//{time}-{call}", "below"],
    [".hidden/{time}-{call}", "below"],
  ])("%s is judged when the configuration is read", (pattern, why) => {
    if (why === undefined) expect(whyNoPattern(pattern)).toBeUndefined();
    else expect(whyNoPattern(pattern)).toContain(why);
  });
});

describe("the recordings' folder", () => {
  let dir: string;
  let spool: string;
  let results: string[];
  let folder: RecordingFolder;

  beforeEach(async () => {
    dir = join(await mkdtemp(join(tmpdir(), "sidetone-folder-")), "recordings");
    spool = join(dir, "incoming");
    results = [];
    folder = create();
    await folder.prepare();
  });
  afterEach(() => rm(join(dir, ".."), { recursive: true }));

  const create = (): RecordingFolder =>
    new RecordingFolder({
      policy: { mode: "agent", consent: "none", spool },
      dir,
      pattern: "{year}/{time}-{call}",
      clock: systemClock,
      log: silentLog,
      count: (result) => void results.push(result),
    });
  const leave = async (samples = 800): Promise<void> => {
    for (const side of ["caller", "agent"])
      await writeFile(join(spool, `${STARTED}-${raw.call}-${side}.sln`), Buffer.alloc(2 * samples, 1));
  };

  test("is one in which the PBX's group writes, and others do not even look", async () => {
    const modes = await Promise.all([dir, spool].map(async (path) => ((await stat(path)).mode & 0o7777).toString(8)));
    expect(modes).toEqual(["2750", "2770"]);
  });

  test("keeps what was left of a call that is over, and leaves one alone that is up", async () => {
    await leave();
    folder.sweep(async () => new Set([raw.call]));
    await folder.idle();
    expect((await readdir(spool)).length).toBe(2);
    folder.sweep(async () => new Set());
    await folder.idle();
    expect([await readdir(spool), results, (await stat(folder.pathOf(raw))).size]).toEqual([[], ["kept"], 44 + 3200]);
  });

  test("has one file of a call that two workers keep at the same time", async () => {
    await leave();
    const other = create();
    for (const each of [folder, other]) each.finished(raw);
    await Promise.all([folder.idle(), other.idle()]);
    expect(results).not.toContain("missing");
    expect(results).not.toContain("failed");
    expect([await readdir(spool), (await stat(folder.pathOf(raw))).size]).toEqual([[], 44 + 3200]);
  });

  test("says when a call that was to be recorded has left nothing, and has no file of a call in which nothing was said", async () => {
    folder.finished(raw);
    await folder.idle();
    await leave(0);
    folder.finished(raw);
    await folder.idle();
    expect([results, await readdir(dir)]).toEqual([["missing"], ["incoming"]]);
  });

  test("waits out a connection that is lost while it asks who is alive, and touches what is none of its own", async () => {
    await leave();
    await writeFile(join(spool, "somebody-else.wav"), "");
    folder.sweep(() => Promise.reject(new OutsideError("closed", "")));
    await folder.idle();
    expect([results, (await readdir(spool)).length]).toEqual([[], 3]);
  });

  test("keeps a WAV file of both sides as the PBX has made it, and says its length where a PBX that died has not", async () => {
    const pcm = Int16Array.from({ length: 800 }, (_, index) => index);
    const wav = Buffer.from(writeWav({ rate: 8000, channels: [pcm, pcm] }));
    const unfinished = Buffer.from(wav);
    unfinished.writeUInt32LE(0, 40);
    await writeFile(join(spool, `${STARTED}-one.wav`), wav);
    await writeFile(join(spool, `${STARTED}-two.wav`), unfinished);
    await writeFile(join(spool, `${STARTED}-none.wav`), wav.subarray(0, 44));
    folder.sweep(async () => new Set());
    await folder.idle();
    for (const call of ["one", "two"]) {
      const kept = await readFile(folder.pathOf({ call, startedEpochSeconds: STARTED }));
      expect(kept.equals(wav)).toBe(true);
    }
    expect(await readdir(spool)).toEqual([]);
    expect(results).toEqual(["kept", "kept"]);
  });

  test("loses the part of a worker that died while it wrote, but not of one that writes now", async () => {
    const [old, fresh] = [join(spool, "1.1-77.part"), join(spool, "1.2-78.part")];
    await Promise.all([old, fresh].map((path) => writeFile(path, "part")));
    await utimes(old, 1000, 1000);
    folder.sweep(async () => new Set());
    await folder.idle();
    expect(await readdir(spool)).toEqual(["1.2-78.part"]);
  });

  test("waits for the last samples of a call that has just been hung up", async () => {
    await leave(100);
    folder.finished(raw);
    await leave(900);
    await until(async () => results.includes("kept"));
    expect((await stat(folder.pathOf(raw))).size).toBe(44 + 3600);
    await mkdir(spool, { recursive: true });
  });
});

describe("a protected passage", () => {
  const fake = (pause: () => Promise<void>) => {
    const done: string[] = [];
    const recording: Recording = {
      consent: "none",
      path: "/x",
      paused: false,
      pauses: 0,
      pause: async () => {
        await pause();
        done.push("paused");
      },
      resume: async () => void done.push("resumed"),
    };
    return { recording, done };
  };

  test("is paused before it begins, and taken up again even when it fails", async () => {
    const { recording, done } = fake(async () => {});
    const failing = unrecorded(recording, async () => {
      done.push("said");
      throw new Error("hung up");
    });
    await expect(failing).rejects.toThrow("hung up");
    expect(done).toEqual(["paused", "said", "resumed"]);
  });

  test("does not begin when the PBX cannot be told", async () => {
    const { recording, done } = fake(() => Promise.reject(new Error("no connection")));
    await expect(unrecorded(recording, async () => void done.push("said"))).rejects.toThrow("no connection");
    expect(done).toEqual([]);
  });
});
