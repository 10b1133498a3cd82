import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import type { RunningAsterisk } from "../../deploy/engines/asterisk.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { IncomingCall } from "../../src/caller/incoming.ts";
import { runScript, type ScriptDeps } from "../../src/caller/run-script.ts";
import { parseScript } from "../../src/caller/script.ts";
import type { ScriptResult } from "../../src/caller/script-result.ts";
import { framesOf } from "../../src/caller/speech.ts";
import type { Hearing, SpeechToText, Transcript } from "../../src/conversation/providers.ts";
import { phoneOf, startPbx } from "./real-pbx.ts";
import { tone, toneVoice } from "./support.ts";

let pbx: RunningAsterisk;
beforeAll(async () => {
  pbx = await startPbx();
}, 120_000);
afterAll(async () => await pbx?.stop());

const run = async (steps: string, target: string, more: Partial<ScriptDeps> = {}): Promise<ScriptResult> => {
  const phone = phoneOf(pbx, "ann", "udp");
  onTestFinished(() => phone.stop());
  await phone.start();
  return await runScript(parseScript(`steps:\n${steps}`), {
    phone,
    target,
    clock: systemClock,
    voice: toneVoice,
    ...more,
  });
};

/** Answers every call, waits for words and a pause of 200 ms, thinks for 100 ms, speaks for 2 s, and falls silent when talked over. */
async function startAgent(): Promise<void> {
  const phone = phoneOf(pbx, "bob", "ws", { heard: { hangoverMs: 200 } });
  onTestFinished(() => phone.stop());
  await phone.start();
  await phone.register();
  phone.onIncoming((call: IncomingCall) => {
    void call.answer().then((leg) => {
      leg.heard.onEdge(({ type }) => {
        if (type === "sound") leg.stopSaying();
        else systemClock.after(100, () => void leg.say(framesOf(tone(2_000))));
      });
    });
  });
}

/** Understands the same words whenever there was sound and then silence. */
const ear = (words: string): SpeechToText => ({
  name: "always",
  open({ signal }): Hearing {
    const { readable, writable } = new TransformStream<Transcript, Transcript>();
    const writer = writable.getWriter();
    signal.addEventListener("abort", () => void writer.close().catch(() => {}));
    const finish = (): void => void writer.write({ text: words, final: true, startMs: 0, endMs: 0 }).catch(() => {});
    return { push: () => {}, finish, transcripts: readable };
  },
  close: async () => {},
});

test("a caller asks, talks over the answer, and is told how long everything took", async () => {
  await startAgent();
  const steps = `
  - say: question
  - talkOver: { afterMs: 400, text: another }
  - wait: { sound: true }
  - hangUp`;
  const result = await run(steps, "bob");
  expect(result.steps.map(({ step, ok }) => [step, ok])).toEqual([
    ["say", true],
    ["talkOver", true],
    ["wait", true],
    ["hangUp", true],
  ]);
  const [asked, over] = result.steps;
  // Pause 200, thinking 100, and what the wire and the PBX take.
  expect(asked?.latencyMs).toBeGreaterThan(290);
  expect(asked?.latencyMs).toBeLessThan(420);
  expect(over?.bargeInMs).toBeGreaterThan(10);
  expect(over?.bargeInMs).toBeLessThan(150);
  expect(result).toMatchObject({ ok: true, end: { by: "us", cause: "normal" } });
});

test("words are waited for with the caller's own ear", async () => {
  const steps = `
  - say: hello
  - wait: { words: [open at nine] }`;
  const result = await run(steps, "echo", { ear: ear("We are open at nine.") });
  expect(result).toMatchObject({ ok: true, transcript: [{ text: "We are open at nine." }] });
});

test("a wait in vain ends the script and says what was understood instead", async () => {
  const steps = `
  - say: hello
  - wait: { words: [closed], timeoutMs: 900 }
  - say: never said`;
  const result = await run(steps, "echo", { ear: ear("open") });
  expect(result.ok).toBe(false);
  expect(result.steps.map(({ step, ok }) => [step, ok])).toEqual([
    ["say", true],
    ["wait", false],
  ]);
  expect(result.steps[1]?.detail).toContain("closed");
});

test("a known sound is found in what was heard, and another is not", async () => {
  const steps = `
  - say: hello
  - expect: { soundFile: same, timeoutMs: 500, score: 0.9 }
  - expect: { soundFile: other, timeoutMs: 500, score: 0.9 }
  - expect: { silenceMs: 200 }`;
  const readSound = async (file: string): Promise<Int16Array> => tone(200, file === "same" ? 440 : 1_000);
  const result = await run(steps, "echo", { readSound });
  expect(result.steps.map(({ ok }) => ok)).toEqual([true, true, false, true]);
});

test("a call that the PBX ends is told in the step that waited", async () => {
  const result = await run("  - wait: { sound: true }", "bye");
  expect(result).toMatchObject({ ok: false, end: { by: "them" } });
  expect(result.steps[0]?.detail).toContain("the call ended while waiting for the agent to speak");
});

test("an end that is expected is one", async () => {
  expect(await run("  - expect: { ended: true }", "bye")).toMatchObject({ ok: true, end: { by: "them" } });
});

test("a number that nobody answers is told in words", async () => {
  const result = await run("  - say: hello", "busy");
  expect(result).toMatchObject({ ok: false, answeredMs: undefined, end: { cause: "busy", status: 486 } });
  expect(result.steps[0]?.detail).toContain("is busy (486");
});

test("a script without what it needs is refused before the call", async () => {
  await expect(run("  - wait: { words: [a] }", "echo")).rejects.toMatchObject({ code: "missing" });
});
