import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Pbx, PHONE_HZ, PROMPT_HZ, type Target } from "./pbx.ts";

const MENU_MS = 100;

let pbx: Pbx;
beforeAll(async () => {
  pbx = await Pbx.start();
});
afterEach(() => pbx.settle());
afterAll(() => pbx?.stop());

describe("the menu, while Sidetone is not running", () => {
  test("the caller hears it at once: nobody listens at the ports, and that is soon found out", async () => {
    const delays: number[] = [];
    for (let call = 0; call < 5; call += 1) {
      const caller = await pbx.call();
      await caller.answered();
      delays.push((await caller.hears(PROMPT_HZ.menu)) - caller.answeredAtMs);
      caller.hangUp();
    }
    if (process.env.SIDETONE_FIGURES) process.stdout.write(`answer to menu ${delays.map(Math.round).join(" ")} ms\n`);
    expect(Math.max(...delays)).toBeLessThan(MENU_MS);
  });

  test.each<[string, Target]>([
    ["1", "sales"],
    ["2", "support"],
    ["0", "operator"],
  ])("key %s rings %s, and they hear each other", async (key, target) => {
    const caller = await pbx.call();
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
    const caller = await pbx.call();
    await caller.hears(PROMPT_HZ.menu);
    caller.press("1");
    await pbx.phones.sales.until(() => pbx.phones.sales.requests.length > 0, "a call");
    const rungAtMs = pbx.phones.sales.requests[0]?.atMs ?? 0;
    const heardAtMs = await caller.hears(0, rungAtMs + 20);
    expect(heardAtMs - rungAtMs).toBeLessThan(200);
    await caller.hears(PROMPT_HZ.unavailable, rungAtMs);
    await caller.hears(PROMPT_HZ.menu, rungAtMs);
  });

  test("a busy phone is said to be so, and the menu comes back", async () => {
    pbx.phones.support.whenCalled = "486 Busy Here";
    const caller = await pbx.call();
    await caller.hears(PROMPT_HZ.menu);
    caller.press("2");
    const atMs = await caller.hears(PROMPT_HZ.unavailable);
    await caller.hears(PROMPT_HZ.menu, atMs);
  });

  test("a key that means nothing costs a try and no more", async () => {
    const caller = await pbx.call();
    await caller.hears(PROMPT_HZ.menu);
    caller.press("9");
    const atMs = await caller.hears(PROMPT_HZ.invalid);
    await caller.hears(PROMPT_HZ.menu, atMs);
  });

  test("3 is no key where there is no voicemail box", async () => {
    const caller = await pbx.call();
    await caller.hears(PROMPT_HZ.menu);
    caller.press("3");
    await caller.hears(PROMPT_HZ.invalid);
    expect(caller.timesHeard(PROMPT_HZ["menu-voicemail"])).toBe(0);
  });

  test("who presses nothing three times gets the operator", async () => {
    const caller = await pbx.call();
    await caller.hears(PHONE_HZ.operator);
    expect(caller.timesHeard(PROMPT_HZ.menu)).toBe(3);
  });

  test("where nobody ever answers, the call ends with a goodbye and does not go round for ever", async () => {
    for (const phone of Object.values(pbx.phones)) phone.whenCalled = "486 Busy Here";
    const caller = await pbx.call();
    for (const key of ["1", "2", "0"]) {
      const atMs = caller.heard.at(-1)?.atMs ?? 0;
      await caller.hears(PROMPT_HZ.menu, atMs);
      caller.press(key);
      await caller.hears(PROMPT_HZ.unavailable, atMs);
    }
    await caller.hears(PROMPT_HZ.goodbye);
    await caller.ended();
  });

  test("a caller who calls himself a command runs none", async () => {
    const caller = await pbx.call({ displayName: "$" + "{system(touch /tmp/sidetone-pwned)}", from: "a%22%2C%0d" });
    await caller.hears(PROMPT_HZ.menu);
    caller.press("1");
    await caller.hears(PHONE_HZ.sales);
  });

  test("FreeSWITCH reads our files again, and has nothing to say against them", async () => {
    expect(await pbx.freeswitch.cli("reloadxml")).toMatch(/^\+OK/);
    expect(await pbx.complaints(EXPECTED)).toEqual([]);
  });
});

// That nobody listens at a worker's port is what these tests are about, and busy phones are busy.
const EXPECTED = /Socket Error|PAGD|BUSY|NO_ANSWER|USER_BUSY|Hangup|MSG Thread|contains a variable/;
