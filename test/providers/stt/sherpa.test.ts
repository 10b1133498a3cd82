import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";
import { createSherpa, type SherpaParts, sherpa } from "../../../src/providers/stt/sherpa.ts";
import { spokenWords } from "../../fakes/providers/spoken-words.ts";
import { ModelFolder } from "../../fakes/sherpa/model.ts";
import { context } from "../contract/context.ts";
import { describeSpeechToText } from "../contract/stt.ts";
import { describeFaults, push } from "../contract/stt-faults.ts";
import { next } from "./support.ts";

const LIBRARY = fileURLToPath(new URL("../../fakes/sherpa/library.ts", import.meta.url));
const model = new ModelFolder();
const made: ReturnType<typeof createSherpa>[] = [];

function make(options: object = {}, parts: SherpaParts = { library: LIBRARY }) {
  const one = createSherpa(sherpa.schema.parse({ folder: model.path, ...options }), context, parts);
  made.push(one);
  return one;
}

let over: AbortController;
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => {
  over.abort();
  model.remove("fault");
});
afterAll(async () => {
  await Promise.all(made.map(({ stt }) => stt.close()));
  model[Symbol.dispose]();
});

const open = ({ stt }: ReturnType<typeof make>, how: { language?: string; hints?: string[] } = {}) =>
  stt.open({ rate: 8000, language: "en", hints: [], ...how, signal: over.signal });
const say = (hearing: ReturnType<typeof open>, words: string) => push(hearing, spokenWords(words, 8000), 8000);

describeSpeechToText("sherpa-onnx's child process", {
  create: () => make().stt,
  rate: 8000,
  hints: [],
  speech: () => spokenWords("book a table for two", 8000),
  word: "table",
});

const everyChild = (count: (child: (typeof made)[number]["child"]) => number) =>
  made.reduce((sum, { child }) => sum + count(child), 0);

describeFaults("sherpa-onnx's child process", {
  // A process that hangs is found out by who waits for it; another test sees it ended.
  create: () => make({ firstByteMs: 1000, stallMs: 1000, finalMs: 1000 }, { library: LIBRARY, hangMs: 60_000 }).stt,
  server: () => ({
    get fault() {
      return undefined;
    },
    set fault(fault) {
      if (fault === undefined) model.remove("fault");
      else model.write("fault", fault);
    },
    get attempts() {
      return everyChild(({ starts }) => starts);
    },
    get connections() {
      return everyChild(({ places }) => places);
    },
    cut() {
      for (const { child } of made) if (child.places > 0 && child.pid !== undefined) process.kill(child.pid, "SIGKILL");
    },
  }),
  rate: 8000,
  expected: { 401: undefined, 429: undefined, 500: undefined },
});

test("a model that ends its process in mid-sentence costs the ear, not the service; the next call is understood", async () => {
  const one = make();
  const [talker, other] = [open(one), open(one)];
  say(talker, "book a table");
  expect((await next(talker, ({ text }) => text.includes("book"))).final).toBe(false);
  const lost = open(one);
  say(lost, "stop");
  await expect(next(lost)).rejects.toMatchObject({ code: "unreachable", message: expect.stringContaining("SIGABRT") });
  await expect(next(other)).rejects.toMatchObject({ code: "unreachable" });
  const again = open(one);
  say(again, "thank you");
  again.finish();
  expect((await next(again)).text).toBe("thank you");
  expect(one.child.starts).toBe(2);
});

test("a process that dies again and again is left alone for a while, and callers are told at once", async () => {
  model.write("fault", "refuse");
  const one = make();
  for (const _ of [1, 2]) await expect(next(open(one))).rejects.toMatchObject({ code: "unreachable" });
  expect(() => open(one)).toThrow("SIGABRT");
  expect(one.child.starts).toBe(2);
});

test("a process that hangs is ended, with all who wait for it", async () => {
  const one = make({ firstByteMs: 30_000, finalMs: 30_000 }, { library: LIBRARY, hangMs: 500 });
  await one.stt.prepare?.({ rate: 8000, language: "en", hints: [], signal: over.signal });
  const { pid } = one.child;
  model.write("fault", "silent");
  const hearing = open(one);
  say(hearing, "hello");
  await expect(next(hearing)).rejects.toMatchObject({ code: "timeout", message: expect.stringContaining("500 ms") });
  await expect.poll(() => alive(pid)).toBe(false);
});

test("one process serves all calls, and none is left after the service has closed it", async () => {
  const one = make();
  const hearings = [open(one), open(one), open(one)];
  for (const hearing of hearings) {
    say(hearing, "hello");
    hearing.finish();
  }
  for (const hearing of hearings) expect((await next(hearing)).text).toBe("hello");
  expect(one.child.starts).toBe(1);
  const { pid } = one.child;
  await one.stt.close();
  expect(alive(pid)).toBe(false);
});

test.each([
  ["has another size", (folder: ModelFolder) => folder.write("tokens.txt", "<blk> 0\n"), "bytes, not"],
  ["has another content", (folder: ModelFolder) => folder.write("encoder-epoch-99.onnx", "AN encoder"), "sha256"],
  ["is missing", (folder: ModelFolder) => folder.remove("joiner-epoch-99.onnx"), "is missing"],
  ["has no manifest", (folder: ModelFolder) => folder.remove("model.json"), "sha256sum"],
])("a model that %s is not loaded, and the administrator is told what to do", async (_what, spoil, told) => {
  using folder = new ModelFolder();
  spoil(folder);
  const one = make({ folder: folder.path });
  await expect(next(open(one))).rejects.toMatchObject({ code: "missing", message: expect.stringContaining(told) });
  await one.stt.close();
});

test("the agent's hints go to the model as it writes words, where it can take any", async () => {
  const plain = make();
  const hearing = open(plain, { hints: ["table"] });
  say(hearing, "table for two");
  hearing.finish();
  expect(await next(hearing)).toMatchObject({ text: "table for two", confidence: expect.closeTo(0.8, 5) });
  const hinted = open(make({ decoding: "modified_beam_search" }), {
    hints: ["Table!", "a sentence of far too many words"],
  });
  say(hinted, "table for two");
  hinted.finish();
  // The stand-in marks the words that it was given.
  expect((await next(hinted)).text).toBe("table! for two");
});

test("the end that the model itself hears ends the turn, where no pause was noticed", async () => {
  const hearing = open(make({ endSilenceMs: 400 }));
  say(hearing, "thank you");
  push(hearing, new Int16Array(8000), 8000);
  expect(await next(hearing)).toMatchObject({ text: "thank you", final: true, turnEnd: true });
});

test("an agent whose language the model does not understand is refused at once", () => {
  expect(() => open(make({ languages: ["en"] }), { language: "de-DE" })).toThrow("understands en");
});

test("the real library loads in the child, and a broken model ends that process and not ours", async () => {
  const one = make({}, {});
  const hearing = open(one);
  const error = await next(hearing).then(
    () => undefined,
    (failure: unknown) => failure,
  );
  expect(error).toMatchObject({ code: "unreachable", message: expect.stringMatching(/ended with SIGABRT/) });
  expect(one.child.places).toBe(0);
});

function alive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0);
  } catch {
    return false;
  }
}
