import { expect, test } from "vitest";
import { findPhrase } from "../../src/caller/listening.ts";
import { parseScript } from "../../src/caller/script.ts";

test("a script reads as it is written", () => {
  const script = parseScript(`
voice: rms
steps:
  - wait: { sound: true }
  - say: When are you open?
  - talkOver: { afterMs: 500, text: And on Sunday? }
  - wait: { words: [closed, not open], timeoutMs: 4000 }
  - press: 2
  - press: { digits: "12#", method: info }
  - pauseMs: 300
  - expect: { silenceMs: 500 }
  - hangUp
`);
  expect(script.steps.map((step) => Object.keys(step)[0])).toEqual([
    "wait",
    "say",
    "talkOver",
    "wait",
    "press",
    "press",
    "pauseMs",
    "expect",
    "hangUp",
  ]);
  expect(script.steps[4]?.press).toEqual({ digits: "2", method: "rfc4733" });
});

test("every fault is named with its place", () => {
  const faulty = `steps:
  - sya: hello
  - wait: { words: [a], timeoutMs: soon }
  - wait: { words: [a], sound: true }
  - noise: { kind: brown, levelDbov: -40 }
`;
  const read = (): unknown => parseScript(faulty, "a.yaml");
  expect(read).toThrow(/a\.yaml:2:5: steps\.0 knows no "sya"; a step is one of say, wait/);
  expect(read).toThrow(/a\.yaml:3:36: steps\.1\.wait\.timeoutMs: .*number/);
  expect(read).toThrow(/a\.yaml:4:11: steps\.2\.wait: needs exactly one of words/);
  expect(read).toThrow(/a\.yaml:5:20: steps\.3\.noise\.kind: /);
  expect(read).not.toThrow(/2:5.*\n.*2:5/);
});

test.each([
  ["an empty file", "", /object/],
  ["no step", "steps: []", /steps/],
  ["YAML that does not end", "steps: [ { say: x } ", /1:\d+/],
  ["nothing to say", "steps: [{ say: '' }]", /say/],
  ["201 steps", `steps: [${"{ pauseMs: 1 },".repeat(201)}]`, /steps/],
  ["100 kB", "x".repeat(100_001), /at most/],
])("%s is refused in words", (_name, source, message) => {
  expect(() => parseScript(source)).toThrow(message);
});

test("a phrase is found by its words, whatever the recogniser makes of case and punctuation", () => {
  expect(findPhrase(["nine o'clock", "nine"], "We open at Nine o’clock.")).toBe("nine o'clock");
  expect(findPhrase(["nine"], "ninety")).toBeUndefined();
  expect(findPhrase(["...", "!"], "anything")).toBeUndefined();
});
