import { afterEach, beforeEach, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { Thread } from "../../src/providers/thread.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const clock = new VirtualClock();
let heard: (message: string) => void = () => {};
let died: (cause: Error) => void = () => {};
let thread: Thread<string, string>;

beforeEach(() => {
  thread = new Thread<string, string>({
    script: new URL("./fixtures/echo-worker", import.meta.url),
    name: "echo",
    clock,
    log: silentLog,
    onMessage: (message) => heard(message),
    onDeath: (cause) => died(cause),
  });
});
afterEach(() => thread.close());

const answer = (message: string) =>
  new Promise<string>((resolve) => {
    heard = resolve;
    expect(thread.post(message)).toBe(true);
  });
const death = (kill: () => void) =>
  new Promise<Error>((resolve) => {
    died = resolve;
    kill();
  });

test("a thread that died is followed by another with the next message", async () => {
  expect(await answer("one")).toBe("one");
  expect((await death(() => thread.post("die"))).message).toBe("asked to");
  expect(await answer("two")).toBe("two");
});

test("a thread that hangs can be ended, and that is a death like any other", async () => {
  await answer("one");
  const cause = new Error("no answer");
  expect(await death(() => thread.kill(cause))).toBe(cause);
  expect(await answer("two")).toBe("two");
});

test("a thread that cannot live is not started again and again: it rests for ten seconds", async () => {
  for (let i = 0; i < 3; i++) await death(() => thread.post("die"));
  expect(thread.post("four")).toBe(false);
  await clock.advance(10_001);
  expect(await answer("five")).toBe("five");
});

test("closing is no death, may be done twice, and is the end", async () => {
  await answer("one");
  let deaths = 0;
  died = () => deaths++;
  await thread.close();
  await thread.close();
  expect(deaths).toBe(0);
  expect(thread.post("two")).toBe(false);
});
