import { execFile } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Cdr } from "../../src/call/cdr.ts";
import { sinceOf } from "../../src/cli/cdr.ts";
import { cdrPage, cdrTable } from "../../src/cli/cdr-text.ts";
import { openDatabase } from "../../src/store/database.ts";
import { recall, remember } from "../../src/store/memories.ts";
import { Folder, SOUND_AGENT } from "../config/support.ts";
import { cdrOf, ended, NOON, RecordFolder, turnOf } from "../store/support.ts";

const launcher = resolve(import.meta.dirname, "..", "..", "bin", "sidetone");

const CONFIG = `engines: {asterisk: {ari: {password: x}, ami: {password: y}}}
records: {dir: DIR}
`;

const AGENT = SOUND_AGENT.replace("script:", "script:\n  intents: [{name: a, phrases: [open], answer: Always.}]");

interface Done {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

const open: { folder?: Folder; records?: RecordFolder } = {};
beforeEach(() => {
  open.records = new RecordFolder();
  open.folder = new Folder({
    "sidetone.yaml": CONFIG.replace("DIR", open.records.dir),
    "agents/reception.yaml": AGENT,
  });
});
afterEach(() => {
  open.folder?.[Symbol.dispose]();
  open.records?.[Symbol.dispose]();
});

function sidetone(...args: string[]): Promise<Done> {
  return new Promise((done) => {
    execFile(launcher, [...args, "--config", open.folder?.file ?? ""], (error, out, err) =>
      done({ code: error ? Number(error.code) : 0, out, err }),
    );
  });
}

/** Calls an hour apart, the last one first in every list. */
async function recorded(...calls: Partial<Cdr>[]): Promise<void> {
  const book = open.records?.book();
  for (const [handle, change] of calls.entries()) {
    const at = NOON + handle * 3_600_000;
    await book?.open(handle, cdrOf({ id: `call-${handle}`, started: new Date(at).toISOString(), ...change }));
    await book?.change(handle, {}, turnOf("When are you open?"));
    await book?.change(handle, { ...ended(at + 65_000), keys: "1" });
  }
  book?.close();
}

describe("sidetone cdr", { timeout: 120_000 }, () => {
  test("list shows the newest first, in columns that `cut` can take apart", async () => {
    await recorded({ from: "+4930111" }, { from: "+4930222" });
    const { code, out } = await sidetone("cdr", "list");
    expect(code).toBe(0);
    expect(
      out
        .trimEnd()
        .split("\n")
        .map((line) => line.split("\t")),
    ).toEqual([
      ["STARTED", "CALL", "FROM", "TO", "AGENT", "LENGTH", "TURNS", "NEXT"],
      ["2026-11-20T13:00:00.000Z", "call-1", "+4930222", "200", "reception", "1:05", "1", "hang-up"],
      ["2026-11-20T12:00:00.000Z", "call-0", "+4930111", "200", "reception", "1:05", "1", "hang-up"],
    ]);
  });

  test("list takes time, number, agent and limit", async () => {
    await recorded(
      { from: "+4930111" },
      { from: "+4930222", agent: "night" },
      { from: "+49301%1" },
      { from: "+4930111" },
    );
    const ids = async (...args: string[]) => {
      const { out } = await sidetone("cdr", "list", "--json", ...args);
      return (JSON.parse(out) as { calls: Cdr[] }).calls.map(({ id }) => id);
    };
    expect(await ids("--since", "2026-11-20T14:00")).toEqual(["call-3", "call-2"]);
    expect(await ids("--number", "111", "--limit", "1")).toEqual(["call-3"]);
    expect(await ids("--number", "1%1")).toEqual(["call-2"]);
    expect(await ids("--agent", "night")).toEqual(["call-1"]);
  });

  test("show tells what was said, and --json all there is", async () => {
    await recorded({ from: "+4930111", fromName: "Anna" });
    const { out } = await sidetone("cdr", "show", "call-0");
    expect(out).toContain("+4930111  Anna");
    expect(out).toContain("caller: When are you open?\nagent:  I see.\n");
    const whole = JSON.parse((await sidetone("cdr", "show", "call-0", "--json")).out) as Cdr;
    expect(whole).toMatchObject({ id: "call-0", keys: "1", turns: [turnOf("When are you open?")] });
    const none = await sidetone("cdr", "show", "call-9");
    expect(none).toMatchObject({ code: 1, err: expect.stringContaining('No call "call-9" is on record.') });
  });

  test("export gives every call, also beyond a page, and formulas in names are none", async () => {
    await recorded(...Array.from({ length: 205 }, (_, nth) => ({ fromName: nth === 0 ? "=HYPERLINK(1)" : "" })));
    const { out } = await sidetone("cdr", "export", "--csv");
    const rows = out.trimEnd().split("\r\n");
    expect(rows).toHaveLength(206);
    expect(rows[0]).toMatch(/^id,engine,direction,from,from_name,to,/);
    expect(rows.at(-1)).toContain(",'=HYPERLINK(1),");
    const lines = (await sidetone("cdr", "export", "--limit", "3")).out.trimEnd().split("\n");
    expect(lines.map((line) => (JSON.parse(line) as Cdr).id)).toEqual(["call-204", "call-203", "call-202"]);
  });

  test("says that there is nothing yet, and makes nothing", async () => {
    const { code, err } = await sidetone("cdr", "list");
    expect(code).toBe(1);
    expect(err).toContain("No call was recorded yet");
    expect(existsSync(open.records?.dir ?? "")).toBe(false);
  });

  test("says what a --since must look like", async () => {
    expect(await sidetone("cdr", "list", "--since", "yesterday")).toMatchObject({ code: 2 });
  });
});

describe("sidetone erase", { timeout: 120_000 }, () => {
  test("removes what is remembered of the caller for the next call, however the number is written, and of nobody else", async () => {
    open.folder?.write(
      "sidetone.yaml",
      `${CONFIG.replace("DIR", open.records?.dir ?? "")}memory: {countryCode: "49"}\n`,
    );
    await recorded({ from: "+4930111" });
    const dir = open.records?.dir ?? "";
    const known = async (number: string): Promise<string[]> => {
      const { db, close } = openDatabase(dir);
      const notes = await recall(db, number, new Date(0).toISOString());
      close();
      return notes.map(({ text }) => text);
    };
    const database = openDatabase(dir);
    const at = new Date(NOON).toISOString();
    for (const [number, text] of [
      ["+4930111", "Likes tea."],
      ["+4930111", "Has a dog."],
      ["+4930222", "Likes coffee."],
    ] as const)
      await remember(database.db, { number, agent: "reception", text, at });
    database.close();
    const { code, out } = await sidetone("erase", "--number", "030 111");
    expect([code, out]).toEqual([0, expect.stringContaining("2 notes for the next call")]);
    expect([await known("+4930111"), await known("+4930222")]).toEqual([[], ["Likes coffee."]]);
  });

  test("removes the caller and says what it removed", async () => {
    const path = join(open.records?.path ?? "", "call.wav");
    writeFileSync(path, "RIFF");
    await recorded({ from: "+4930111", recording: { path, consent: "given", pauses: 0 } }, { from: "+4930222" });
    const { code, out } = await sidetone("erase", "--number", "0049 30 111");
    expect(out).toBe("Removed of 0049 30 111: 1 record with 1 turn, 1 JSON line, 1 recording.\n");
    expect(code).toBe(0);
    expect(existsSync(path)).toBe(false);
    expect((await open.records?.calls())?.map(({ from }) => from)).toEqual(["+4930222"]);
    expect((await sidetone("erase", "--number", "0049 30 111")).out).toContain("0 records with 0 turns");
  });

  test("does not take nothing for a number", async () => {
    await recorded({ from: "" });
    expect(await sidetone("erase", "--number", " ")).toMatchObject({ code: 2 });
    expect(await open.records?.calls()).toHaveLength(1);
  });
});

test("a moment without a zone is UTC, and a time back counts from now", () => {
  expect(sinceOf("2026-11-20")).toBe("2026-11-20T00:00:00.000Z");
  expect(sinceOf("2026-11-20T08:30")).toBe("2026-11-20T08:30:00.000Z");
  expect(sinceOf("2026-11-20T08:30+02:00")).toBe("2026-11-20T06:30:00.000Z");
  expect(sinceOf("36h", NOON)).toBe("2026-11-19T00:00:00.000Z");
});

test("what callers are called steers no terminal", () => {
  const call = cdrOf({ fromName: "\u001b[2JEve", from: "1\t2", turns: [turnOf("\u001b]0;x\u0007hello")] });
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  const control = /[\u0000-\u0008\u000b-\u001f\u007f]/;
  expect(cdrPage(call)).not.toMatch(control);
  expect(cdrTable([call], { terminal: true })).not.toMatch(control);
  expect(cdrTable([call], { terminal: false }).split("\n")[1]?.split("\t")).toHaveLength(8);
});
