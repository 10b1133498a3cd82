import { expect, test } from "vitest";
import { words } from "../../bench/sounds.ts";
import { piecesOf } from "../../src/conversation/warm.ts";
import { ANSWER, SpokenCall } from "../support/spoken-call.ts";

const FRAME = 160;

/** The answer as its voice speaks it: where each frame stands in it, and where each word ends, in ms. */
function spokenAnswer() {
  const places = new Map<string, number>();
  const ends: number[] = [];
  let atMs = 0;
  for (const piece of piecesOf(ANSWER)) {
    const pcm = words(piece, { voice: "slt" });
    for (let at = 0; at < pcm.length; at += FRAME) {
      const frame = new Int16Array(FRAME);
      frame.set(pcm.subarray(at, at + FRAME));
      places.set(frame.join(), atMs + at / 8 + 20);
    }
    const lengthMs = Math.ceil(pcm.length / FRAME) * 20;
    const parts = piece.split(" ");
    // How long its first words alone take, stretched to the length of the whole: where the voice puts them, but for some 50 ms.
    const alone = parts.map((_, count) => words(parts.slice(0, count + 1).join(" "), { voice: "slt" }).length);
    for (const samples of alone) ends.push(atMs + (lengthMs * samples) / (alone.at(-1) ?? 1));
    atMs += lengthMs;
  }
  return { places, ends };
}

test("in 50 interruptions at random the history ends within one word of what the caller heard", async () => {
  const { places, ends } = spokenAnswer();
  const all = ANSWER.split(" ");
  for (let trial = 1; trial <= 50; trial += 1) {
    const call = await new SpokenCall().start();
    await call.untilAnswer(200 + ((trial * 7_919) % 17_000));
    await call.say("Sorry, where can I park my car?");
    const playedMs = Math.max(...call.line.heard.map(({ pcm }) => places.get(pcm.join()) ?? 0));
    await call.clock.advance(500);
    const [turn] = call.turns;
    expect(turn?.interrupted, `trial ${trial}`).toBe(true);
    expect(Math.abs((turn?.agent?.heardMs ?? 0) - playedMs), `trial ${trial}`).toBeLessThanOrEqual(40);
    const told = turn?.agent?.heardText.split(" ") ?? [];
    expect(told).toEqual(all.slice(0, told.length));
    const heard = ends.filter((endMs) => endMs <= playedMs).length;
    // The word in which the agent fell silent may count or not.
    expect(told.length, `trial ${trial}: ${told.at(-1)}, ${playedMs} ms`).toBeGreaterThanOrEqual(heard - 1);
    expect(told.length, `trial ${trial}: ${told.at(-1)}, ${playedMs} ms`).toBeLessThanOrEqual(heard + 2);
    expect(await call.end()).toBe(0);
  }
}, 120_000);
