import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findProgram } from "../../src/cli/program.ts";

let dir: string;
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), "sidetone-program-")));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Some archives give every file of every version this time. */
const LONG_AGO = new Date("1985-10-26T08:15:00Z");

function unpack(folder: string, main = "src/main.ts"): void {
  for (const file of ["package.json", "bin/sidetone", "bin/node", main, join(dirname(main), "call/call.ts")]) {
    const path = join(dir, folder, file);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, "the same in every version");
    for (const one of [path, dirname(path)]) utimesSync(one, LONG_AGO, LONG_AGO);
  }
}

const search = (folder: string, launcher = join(folder, "bin/sidetone")) =>
  findProgram({ main: join(dir, folder, "src/main.ts"), execPath: "/usr/bin/node", launcher: join(dir, launcher) });

describe("the program that a worker would be now", () => {
  test("is the same as long as nobody has touched it", () => {
    unpack("one");
    const look = search("one");
    expect(look()).toEqual(look());
    expect(look()).toMatchObject({ command: "/usr/bin/node", main: join(dir, "one/src/main.ts") });
  });

  test("is another one where the link in the launcher's path leads elsewhere, with the Node that came along there", () => {
    unpack("one");
    unpack("two");
    symlinkSync("one", join(dir, "current"));
    const look = search("one", "current/bin/sidetone");
    const before = look();
    expect(before.main).toBe(join(dir, "one/src/main.ts"));
    symlinkSync("two", join(dir, "next"));
    renameSync(join(dir, "next"), join(dir, "current"));
    rmSync(join(dir, "one"), { recursive: true });
    expect(look()).toMatchObject({ main: join(dir, "two/src/main.ts"), command: join(dir, "two/bin/node") });
    expect(look().build).not.toBe(before.build);
  });

  test("is followed from a link to the launcher itself, as package managers make it", () => {
    unpack("lib", "dist/src/main.js");
    symlinkSync("lib/bin/sidetone", join(dir, "sidetone"));
    const main = join(dir, "lib/dist/src/main.js");
    const look = findProgram({ main, execPath: "/usr/bin/node", launcher: join(dir, "sidetone") });
    expect(look()).toMatchObject({ main, command: "/usr/bin/node" });
  });

  test.each([
    [
      "another folder of the same name",
      () => {
        unpack("new");
        renameSync(join(dir, "one"), join(dir, "old"));
        renameSync(join(dir, "new"), join(dir, "one"));
      },
    ],
    [
      "another file deep inside",
      () => {
        writeFileSync(join(dir, "one/src/call/call.new"), "the same in every version");
        renameSync(join(dir, "one/src/call/call.new"), join(dir, "one/src/call/call.ts"));
      },
    ],
    ["a file written over", () => writeFileSync(join(dir, "one/package.json"), "the same in every version")],
  ])("is another one after %s, whatever the files' times", (_what, replace) => {
    unpack("one");
    const look = search("one");
    const before = look();
    replace();
    expect(look()).toMatchObject({ command: "/usr/bin/node", main: before.main });
    expect(look().build).not.toBe(before.build);
  });

  test("is our own where the launcher is another Sidetone's, or there is none", () => {
    unpack("one");
    unpack("two");
    const main = join(dir, "one/src/main.ts");
    expect(search("one", "two/bin/sidetone")().main).toBe(main);
    expect(findProgram({ main, execPath: "/usr/bin/node", launcher: undefined })().main).toBe(main);
  });

  test("can be asked for in the moment in which there is none", () => {
    unpack("one");
    const look = search("one");
    const before = look();
    rmSync(join(dir, "one"), { recursive: true });
    expect(look()).toMatchObject({ main: before.main });
    expect(look().build).not.toBe(before.build);
  });
});
