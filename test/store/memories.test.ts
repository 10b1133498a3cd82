import { expect, test } from "vitest";
import { callerNumber } from "../../src/call/number.ts";
import { openDatabase } from "../../src/store/database.ts";
import { eraseMemories, expireMemories, recall, remember } from "../../src/store/memories.ts";
import { RecordFolder } from "./support.ts";

const at = (day: string) => `2026-03-${day}T10:00:00.000Z`;
const EVER = at("01");

test("what was noted of a caller is known in the next call, the latest last, each thing once and no more than twenty", async () => {
  using folder = new RecordFolder();
  const database = openDatabase(folder.dir);
  const note = (number: string, text: string, day: string) =>
    remember(database.db, { number, agent: "reception", text, at: at(day) });
  await note("+4930111", "Likes tea.", "02");
  await note("+4930111", "Is called Anna.", "03");
  await note("+4930222", "Is somebody else.", "03");
  await note("+4930111", "Likes tea.", "04");
  expect((await recall(database.db, "+4930111", EVER)).map(({ text }) => text)).toEqual([
    "Is called Anna.",
    "Likes tea.",
  ]);
  for (let count = 0; count < 25; count += 1) await note("+4930111", `Fact ${count}.`, "05");
  const kept = await recall(database.db, "+4930111", EVER);
  expect(kept).toHaveLength(20);
  expect(kept.at(-1)?.text).toBe("Fact 24.");
  expect(await eraseMemories(database.db, ["+4930111"])).toBe(20);
  expect(await recall(database.db, "+4930111", EVER)).toEqual([]);
  expect(await recall(database.db, "+4930222", EVER)).toHaveLength(1);
  expect(await expireMemories(database.db, at("04"))).toBe(1);
  database.close();
});

test("one caller is one number, however it is written; a withheld one is nobody's", () => {
  const plan = { countryCode: "49", trunkPrefix: "0" };
  for (const number of ["+4930123456", "004930123456", "030 123 456", "030/123456", "sip:+4930123456@pbx.example"])
    expect(callerNumber(number, plan), number).toBe("+4930123456");
  expect(callerNumber("100", plan)).toBe("100");
  expect(callerNumber("030123", { trunkPrefix: "0" })).toBe("030123");
  for (const number of [
    "",
    "anonymous",
    "Anonymous",
    "Restricted",
    "unknown",
    "Unavailable",
    "private",
    "+266696687",
    "0",
    "0000",
    "asterisk",
  ])
    expect(callerNumber(number, plan), number).toBeUndefined();
});
