import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Pbx, PHONE_HZ, PROMPT_HZ, type Target } from "./pbx.ts";

const MENU_MS = 100;

let pbx: Pbx;
beforeAll(async () => {
  pbx = await Pbx.start();
}, 180_000);
afterEach(() => pbx.settle());
afterAll(() => pbx.stop());

describe("the menu, while Sidetone is not running", () => {
  test("the caller hears it at once", async () => {
    const caller = await pbx.call({ to: "4930555" });
    await caller.answered();
    const atMs = await caller.hears(PROMPT_HZ.menu);
    expect(atMs - caller.answeredAtMs).toBeLessThan(MENU_MS);
  });

  test("a caller whose phone is muted hears it as soon", async () => {
    const caller = await pbx.call({ to: "4930555", mute: true });
    await caller.answered();
    expect((await caller.hears(PROMPT_HZ.menu)) - caller.answeredAtMs).toBeLessThan(MENU_MS);
  });

  test("a service that has not been heard of for three seconds is as good as dead", async () => {
    await pbx.beat(Math.floor(Date.parse("2020-01-01") / 1000));
    const caller = await pbx.call({ to: "4930555" });
    await caller.answered();
    expect((await caller.hears(PROMPT_HZ.menu)) - caller.answeredAtMs).toBeLessThan(MENU_MS);
    expect(pbx.monitor.events.some(({ UserEvent }) => UserEvent === "SidetoneMedia")).toBe(false);
  });

  test.each<[string, Target]>([
    ["1", "sales"],
    ["2", "support"],
    ["0", "operator"],
  ])("key %s rings %s, and they hear each other", async (key, target) => {
    const caller = await pbx.call({ to: "4930555" });
    caller.say(1_500);
    await caller.hears(PROMPT_HZ.menu);
    caller.press(key);
    await pbx.phones[target].hears(1_500);
    await caller.hears(PHONE_HZ[target]);
    pbx.phones[target].hangUp();
    await caller.ended();
  });

  test("while a phone rings the caller hears ringing, and after that the menu again", async () => {
    pbx.phones.sales.whenCalled = "ring";
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(PROMPT_HZ.menu);
    caller.press("1");
    await pbx.phones.sales.until(() => pbx.phones.sales.requests.length > 0, "a call");
    const rungAtMs = pbx.phones.sales.requests[0]?.atMs ?? 0;
    const heardAtMs = await caller.hears(0, rungAtMs + 20);
    expect(heardAtMs - rungAtMs).toBeLessThan(150);
    await caller.hears(PROMPT_HZ.unavailable, rungAtMs);
    await caller.hears(PROMPT_HZ.menu, rungAtMs);
  });

  test("a busy phone is said to be so, and the menu comes back", async () => {
    pbx.phones.support.whenCalled = "486 Busy Here";
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(PROMPT_HZ.menu);
    caller.press("2");
    const atMs = await caller.hears(PROMPT_HZ.unavailable);
    await caller.hears(PROMPT_HZ.menu, atMs);
  });

  test("a key that means nothing costs a try and no more", async () => {
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(PROMPT_HZ.menu);
    caller.press("9");
    const atMs = await caller.hears(PROMPT_HZ.invalid);
    await caller.hears(PROMPT_HZ.menu, atMs);
  });

  test("who presses nothing three times gets the operator", async () => {
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(PHONE_HZ.operator);
    expect(caller.timesHeard(PROMPT_HZ.menu)).toBe(3);
  });

  test("where nobody ever answers, the call ends with a goodbye and does not go round for ever", async () => {
    for (const phone of Object.values(pbx.phones)) phone.whenCalled = "486 Busy Here";
    const caller = await pbx.call({ to: "4930555" });
    for (const key of ["1", "2", "0"]) {
      const atMs = caller.heard.at(-1)?.atMs ?? 0;
      await caller.hears(PROMPT_HZ.menu, atMs);
      caller.press(key);
      await caller.hears(PROMPT_HZ.unavailable, atMs);
    }
    await caller.hears(PROMPT_HZ.goodbye);
    await caller.ended();
  });

  test("Asterisk has nothing to say against our files", async () => {
    const log = await readFile(pbx.asterisk.logFile, "utf8");
    expect(log.split("\n").filter((line) => /WARNING|ERROR/.test(line))).toEqual([]);
  });
});
