import { describe, expect, test } from "vitest";
import { atLevel, words } from "../../bench/sounds.ts";
import { EchoDetector } from "../../src/audio/echo.ts";
import { ulaw } from "../../src/audio/g711.ts";
import { levelDbov } from "../../src/audio/level.ts";

const AGENT = words("We are open from nine in the morning until six in the evening, Monday to Friday.", {
  voice: "slt",
});
const CALLER = words("Sorry, where can I park my car? I have another question for you.", { voice: "rms" });
const OTHER = words("On Saturday, yes, from nine until one. The doctors see patients until noon.", { voice: "slt" });
const FRAME = 160;

/** The share of audible frames that are taken for an echo of what the agent says, from half a second on. */
function echoShare(make: (at: number) => number): { share: number; lagMs: number | undefined } {
  const detector = new EchoDetector(8000);
  const line = Int16Array.from(AGENT, (_, at) => Math.round(make(at)));
  const bytes = new Uint8Array(line.length);
  ulaw.encode(line, bytes);
  ulaw.decode(bytes, line);
  let [echo, audible] = [0, 0];
  for (let at = 0; at + FRAME <= line.length; at += FRAME) {
    const nowMs = 5_000 + at / 8;
    detector.sent(AGENT.subarray(at, at + FRAME), nowMs);
    const frame = line.subarray(at, at + FRAME);
    const found = detector.echo(frame, nowMs + 20);
    if (at < 4_000 || levelDbov(frame) < -50) continue;
    audible += 1;
    if (found) echo += 1;
  }
  return { share: echo / audible, lagMs: detector.lagMs };
}

const late = (pcm: Int16Array, ms: number, gain: number) => (at: number) => (pcm[at - ms * 8] ?? 0) * gain;

describe("an echo of the agent's own words", () => {
  test.each([
    [40, 0.3],
    [120, 0.1],
    [340, 0.1],
  ])("is known %i ms late, at %d of its loudness", (ms, gain) => {
    const { share, lagMs } = echoShare(late(AGENT, ms, gain));
    expect(share).toBeGreaterThan(0.9);
    expect(Math.abs((lagMs ?? 0) - ms)).toBeLessThan(5);
  });

  test("is known when it comes out of a room", () => {
    const room = (at: number) =>
      [1, 0.5, -0.4, 0.3, -0.2].reduce((sum, part, i) => sum + part * 0.1 * (AGENT[at - 960 - i * 57] ?? 0), 0);
    expect(echoShare(room).share).toBeGreaterThan(0.8);
  });

  test("is not what a caller says, nor another agent, nor the caller over the echo", () => {
    expect(echoShare(late(CALLER, 0, 1)).share).toBe(0);
    expect(echoShare(late(OTHER, 0, 0.1)).share).toBe(0);
    const both = (at: number) => late(AGENT, 120, 0.1)(at) + (CALLER[at - 8_000] ?? 0);
    const spoken = Math.min(AGENT.length - 8_000, CALLER.length);
    const { share } = echoShare((at) => (at >= 8_000 && at < 8_000 + spoken ? both(at) : 0));
    expect(share).toBeLessThan(0.2);
  });

  test("is not looked for on a quiet line, which costs nothing", () => {
    expect(echoShare(late(atLevel(AGENT, -70), 100, 1)).lagMs).toBeUndefined();
  });
});
