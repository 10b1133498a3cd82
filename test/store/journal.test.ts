import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Claim, CourseEvent } from "../../src/call/journal.ts";
import { eraseJournals } from "../../src/store/erase-journals.ts";
import { type JournalDisk, realDisk } from "../../src/store/journal-disk.ts";
import { JournalFolder } from "../../src/store/journal-folder.ts";
import { openValkey } from "../../src/store/valkey-disk.ts";
import { FakeValkey } from "../fakes/valkey.ts";

const SECRET = "a secret of some length";
const CALL = { engine: "asterisk", id: "1764000000.12", direction: "inbound", from: "+4930123", to: "200" } as const;
const TURN: readonly CourseEvent[] = [
  { type: "asked", text: "when are you open" },
  { type: "saying", kind: "answer", pieces: ["At nine.", "We close at noon."] },
  { type: "at", piece: 1 },
];

/** Where journals are, as one host after the other comes to it. */
interface Place {
  readonly dir: string;
  open(): Promise<JournalDisk>;
  /** All that stands there, for whoever can read it. */
  text(): Promise<string>;
  close(): Promise<void>;
}

async function folderPlace(): Promise<Place> {
  const dir = await mkdtemp(join(tmpdir(), "sidetone-journal-"));
  const text = async () =>
    (await Promise.all((await readdir(dir)).map((name) => readFile(join(dir, name), "latin1")))).join("");
  return { dir, open: async () => realDisk, text, close: () => rm(dir, { recursive: true, force: true }) };
}

async function loopbackPlace(): Promise<Place> {
  const server = new FakeValkey({ password: "of the server" });
  const url = `valkey://127.0.0.1:${await server.listen()}/2`;
  return { dir: url, open: () => diskAt(url), text: async () => server.text, close: () => server.close() };
}

/** A server of one's own: SIDETONE_VALKEY=valkey://127.0.0.1:6379/9 npm test -- test/store/journal. What is there already is left alone. */
async function realPlace(): Promise<Place> {
  const disk = await diskAt(REAL);
  const names = () => disk.list();
  const texts = async () => Promise.all((await names()).map(async (name) => (await disk.read(name)) ?? ""));
  const close = async (): Promise<void> => {
    for (const name of await names()) await disk.remove(name);
    await disk.close();
  };
  return { dir: REAL, open: () => diskAt(REAL), text: async () => (await texts()).join(""), close };
}

const REAL = process.env.SIDETONE_VALKEY ?? "";

async function diskAt(url: string) {
  const disk = await openValkey(
    { url, user: "", password: REAL === url ? undefined : "of the server", prefix: "sidetone-test:", timeoutMs: 2000 },
    systemClock,
  );
  await disk.ready();
  return disk;
}

let place: Place;
let failures: number;
const workers: JournalFolder[] = [];

describe.each([
  { where: "in a folder", make: folderPlace },
  { where: "on a server that several hosts share", make: loopbackPlace },
  ...(REAL === "" ? [] : [{ where: `on ${REAL}`, make: realPlace }]),
])("a call's journal $where", ({ make }) => {
  beforeEach(async () => {
    place = await make();
    failures = 0;
  });
  afterEach(async () => {
    await Promise.all(workers.splice(0).map((worker) => worker.close()));
    await place.close();
  });

  async function worker(secret: string | undefined = SECRET): Promise<JournalFolder> {
    const onFailure = (): void => void failures++;
    const { dir } = place;
    const disk = await place.open();
    const parts = { dir, disk, fsync: "never", secret, clock: systemClock, log: silentLog, onFailure } as const;
    const journal = new JournalFolder(parts);
    workers.push(journal);
    return journal;
  }

  /** A worker that has talked for a turn, and is dead: what it has left behind is all there is. */
  async function died(secret?: string): Promise<void> {
    const journal = await worker(secret);
    const writer = journal.begin(CALL, "reception");
    for (const event of TURN) writer.write(event);
    await writer.kept?.();
    await journal.close();
  }

  const courseIn = (claim: Claim) => (claim.type === "mine" ? claim.course : undefined);

  test("tells another worker how far the call was", async () => {
    await died();
    const course = courseIn(await (await worker()).claim(CALL));
    expect(course).toEqual({
      agent: "reception",
      history: [{ role: "caller", text: "when are you open" }],
      asked: "",
      keys: "",
      cut: { kind: "answer", pieces: ["At nine.", "We close at noon."], at: 1, tools: [] },
    });
    expect(failures).toBe(0);
  });

  test("is claimed by many at once of which one alone goes on, and not a third time", async () => {
    await died();
    const all = await Promise.all(Array.from({ length: 8 }, () => worker()));
    const claims = await Promise.all(all.map((one) => one.claim(CALL)));
    expect(claims.map(({ type }) => type).sort()).toEqual(["mine", ...Array.from({ length: 7 }, () => "refused")]);
    const [mine] = claims.flatMap((claim) => (claim.type === "mine" ? [claim.writer] : []));
    await mine?.kept?.();
    expect((await (await worker()).claim(CALL)).type, "who has died twice goes to the menu").toBe("refused");
    expect(failures).toBe(0);
  });

  test("is claimed a third time of a call that was shaken off, with what the second one has heard, and not a fourth time", async () => {
    await died();
    const second = await (await worker()).claim(CALL);
    if (second.type !== "mine") throw new Error("nobody has it");
    second.writer.write({ type: "heard", text: "We close at noon.", tools: [] });
    await second.writer.kept?.();
    const shaken = { ...CALL, shaken: true };
    const all = await Promise.all(Array.from({ length: 3 }, () => worker()));
    const claims = await Promise.all(all.map((one) => one.claim(shaken)));
    expect(claims.map(({ type }) => type).sort()).toEqual(["mine", "refused", "refused"]);
    const third = claims.find((claim) => claim.type === "mine");
    if (third?.type !== "mine") throw new Error("nobody has it");
    expect(third.course.history.at(-1)).toEqual({ role: "agent", text: "We close at noon.", tools: [] });
    await third.writer.kept?.();
    expect((await (await worker()).claim(shaken)).type).toBe("refused");
    expect((await (await worker()).claim(CALL)).type).toBe("refused");
    // Whoever was shaken off leaves late.
    second.writer.end();
    third.writer.end();
    await expect.poll(() => place.text()).toBe("");
  });

  test("holds what was said after it was taken up, and is gone with the call", async () => {
    await died();
    const claim = await (await worker()).claim(CALL);
    if (claim.type !== "mine") throw new Error("nobody has it");
    claim.writer.write({ type: "heard", text: "We close at noon.", tools: [] });
    await claim.writer.kept?.();
    claim.writer.end();
    await expect.poll(() => place.text()).toBe("");
    expect((await (await worker()).claim(CALL)).type).toBe("none");
  });

  test("is not spoilt by a worker that was cut off and comes back late", async () => {
    const late = await worker();
    const old = late.begin(CALL, "reception");
    for (const event of TURN) old.write(event);
    await old.kept?.();
    const claim = await (await worker()).claim(CALL);
    if (claim.type !== "mine") throw new Error("nobody has it");
    claim.writer.write({ type: "heard", text: "We close at noon.", tools: [] });
    await claim.writer.park?.();
    const before = await place.text();
    old.write({ type: "heard", text: "too late", tools: [] });
    await old.kept?.();
    old.end();
    await late.close();
    const back = courseIn(await (await worker()).takeBack(CALL));
    expect(back?.history.at(-1)).toEqual({ role: "agent", text: "We close at noon.", tools: [] });
    expect(before).not.toBe("");
  });

  test("that begins anew is its own: a writer from before it writes nowhere", async () => {
    const late = await worker();
    const old = late.begin(CALL, "reception");
    for (const event of TURN) old.write(event);
    await old.kept?.();
    const writer = (await worker()).begin(CALL, "sales");
    writer.write({ type: "asked", text: "again" });
    await writer.kept?.();
    old.write({ type: "heard", text: "too late", tools: [] });
    await old.kept?.();
    expect(courseIn(await (await worker()).claim(CALL))).toMatchObject({ agent: "sales", asked: "again", history: [] });
  });

  test("comes back from a transfer whole, to one worker, and can be forgotten", async () => {
    const journal = await worker();
    const writer = journal.begin(CALL, "reception");
    for (const event of TURN) writer.write(event);
    await writer.park?.();
    const back = await (await worker()).takeBack(CALL);
    expect(courseIn(back)).toMatchObject({ agent: "reception", cut: { at: 1 } });
    if (back.type === "mine") await back.writer.park?.();
    (await worker()).forget(CALL);
    await expect.poll(() => place.text()).toBe("");
  });

  test("shows nothing of what was said to whoever has no secret, and opens with no other one", async () => {
    await died();
    expect(await place.text()).not.toMatch(/open|noon|reception|4930123/);
    expect((await (await worker("quite another secret")).claim(CALL)).type).toBe("none");
    expect(failures).toBe(1);
  });

  test("of a caller who is erased is removed, and nobody else's", async () => {
    await died();
    const parts = { dir: place.dir, disk: await place.open(), secret: SECRET };
    const erase = (number: string, up = false) => eraseJournals(parts, { number, nowMs: systemClock.wall(), up });
    expect(await erase("+4930999")).toEqual({ removed: 0, unread: 0 });
    expect(await erase("0049 30 123", true), "of a call that is up").toEqual({ removed: 0, unread: 0 });
    expect(await erase("0049 30 123")).toEqual({ removed: 1, unread: 0 });
    expect(await place.text()).toBe("");
    await parts.disk.close?.();
  });

  test("of which nothing is known is told as such", async () => {
    expect((await (await worker()).claim(CALL)).type).toBe("none");
    expect(failures).toBe(0);
  });
});
