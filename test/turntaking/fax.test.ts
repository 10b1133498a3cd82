import { afterEach, expect, test } from "vitest";
import { tones } from "../../src/audio/tone.ts";
import { SpokenCall } from "../support/spoken-call.ts";

const cng = (ms: number): Int16Array => tones({ hz: [1100], ms, rate: 8000, levelDbov: -15 });

let call: SpokenCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

test("a fax machine goes to the fax target as soon as its tone is over, and nothing is said to it", async () => {
  call = new SpokenCall();
  await call.start({ targets: ["sales", "fax"] });
  call.line.play(cng(500));
  await call.clock.advance(700);
  expect(call.next).toEqual({ next: "transfer", target: "fax" });
  expect(call.turns.filter(({ agent }) => agent)).toEqual([]);
});

test("a fax machine goes to the menu where nobody takes faxes, also out of the greeting", async () => {
  call = new SpokenCall();
  await call.start({ greeting: "Harbour Clinic, good day. How can I help?" });
  await call.clock.advance(300);
  call.line.play(cng(500));
  await call.clock.advance(700);
  expect(call.next).toEqual({ next: "menu", reason: "fax" });
});

test("a beep that is no calling tone changes nothing", async () => {
  call = new SpokenCall();
  await call.start({ targets: ["fax"] });
  call.line.play(cng(1000));
  await call.clock.advance(1_500);
  expect(call.next).toBeUndefined();
});
