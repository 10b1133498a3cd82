import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Pbx, PHONE_HZ } from "./pbx.ts";

let pbx: Pbx;
afterEach(() => pbx.settle());
afterAll(() => pbx.stop());

const callAndPress2 = async (): Promise<void> => {
  const caller = await pbx.call({ to: "4930555" });
  await caller.answered();
  expect((await caller.hears(0)) - caller.answeredAtMs).toBeLessThan(100);
  caller.press("2");
  await caller.hears(PHONE_HZ.support);
};

describe("a PBX that has none of our prompts", () => {
  beforeAll(async () => {
    pbx = await Pbx.start({ prompts: false });
  }, 180_000);

  test("plays Asterisk's own sounds, and the keys work", callAndPress2);

  test("keeps the call also where a phone does not answer and a key is wrong", async () => {
    pbx.phones.sales.whenCalled = "486 Busy Here";
    const caller = await pbx.call({ to: "4930555" });
    await caller.hears(0);
    caller.press("9");
    caller.press("1");
    await pbx.phones.sales.until(() => pbx.phones.sales.requests.length > 0, "a call");
    const atMs = caller.heard.at(-1)?.atMs ?? 0;
    await caller.hears(0, atMs + 100);
    caller.press("2");
    await caller.hears(PHONE_HZ.support);
  });
});
