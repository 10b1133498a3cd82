import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findSound } from "../../src/audio/correlate.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { framesOf, type Said } from "../../src/caller/speech.ts";
import { SipPhone } from "../engines/sip-phone.ts";
import { burst, play, RecordedPbx, until, type Worker } from "./recorded-pbx.ts";

const install = inject("asterisk");
const LAG_MS = 20;
// The PBX pairs both sides' frames as they come, once, when the agent's first one comes; it pairs anew when they are 100 ms
// apart. A caller's end that is late in that moment (here it shares a process with the worker, and maybe a busy machine) is late
// in the file for the whole call: that is the recorder's, so one call in a few must show what ours is.
const PAIRING_MS = 120;
const CALLS = 5;
// µ-law there, and the recorder's own filter: the same sound all the same.
const SCORE = 0.9;

/** Where a sound begins, in ms; NaN where it is not there, or not whole. */
function placeOf(sound: Int16Array, recording: Int16Array, fromMs = 0): number {
  const { lag, score } = findSound({ sound, recording: recording.subarray(fromMs * 8) });
  return score > SCORE ? fromMs + lag / 8 : Number.NaN;
}

/** When the first packet of an utterance left, or was due to where it left late and the others did not. */
function leftMs({ startMs, endMs, packets }: Said): number {
  if (startMs === undefined || endMs === undefined) throw new Error("nothing was said");
  return Math.min(startMs, endMs - packets * 20);
}

/** What came to the caller, with the time of every frame: the line's own place of a sound is where its promptest frame puts it. */
class Arrivals {
  readonly #frames: { readonly pcm: Int16Array; readonly atMs: number }[] = [];

  constructor(caller: CallLeg) {
    caller.onFrame(({ pcm }) => void this.#frames.push({ pcm: pcm.slice(), atMs: systemClock.now() }));
  }

  timeOf(sound: Int16Array, { fromMs = 0, toMs = Number.POSITIVE_INFINITY }): number {
    const frames = this.#frames.filter(({ atMs }) => atMs >= fromMs && atMs < toMs);
    const recording = new Int16Array(frames.length * 160);
    for (const [i, { pcm }] of frames.entries()) recording.set(pcm, i * 160);
    const { lag, score } = findSound({ sound, recording });
    if (score <= SCORE) return Number.NaN;
    const first = Math.floor(lag / 160);
    const its = frames.slice(first, first + sound.length / 160);
    return Math.min(...its.map(({ atMs }, i) => atMs - i * 20)) + (lag % 160) / 8;
  }
}

const loudest = (pcm: Int16Array): number => pcm.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);

/** A whole recorded call with a pause in it. How far its sounds are from where they were on the line, at worst. */
async function worstLagMs(worker: Worker): Promise<number> {
  const call = await worker.call();
  const { caller, media, recording } = call;
  const heard = new Arrivals(caller);
  const [mine, theirs, secret] = [burst(3), burst(7), burst(11)];
  const both = async (): Promise<number> => {
    const [said] = await Promise.all([caller.say(framesOf(mine)), play(media, theirs)]);
    return leftMs(said);
  };
  const firstMs = await both();
  await recording.pause();
  expect(recording.paused).toBe(true);
  const pausedMs = systemClock.now();
  await Promise.all([caller.say(framesOf(secret)), play(media, secret)]);
  const resumedMs = systemClock.now();
  await recording.resume();
  const secondMs = await both();
  await call[Symbol.asyncDispose]();
  const { rate, channels } = await worker.kept(recording);
  const [left = new Int16Array(), right = new Int16Array()] = channels;
  expect([rate, channels.length, recording.consent, recording.pauses]).toEqual([8000, 2, "none", 1]);

  // Four sounds, two on each side: their places in the file are those on the caller's line, but for one common shift.
  // Each sound comes twice, once on either side of the pause.
  const shiftMs = placeOf(mine, left.subarray(0, left.length / 2)) - firstMs;
  const middleMs = (pausedMs + resumedMs) / 2;
  const middle = Math.round((middleMs + shiftMs) * 8);
  const places = [
    [heard.timeOf(theirs, { toMs: middleMs }), placeOf(theirs, right.subarray(0, middle))],
    [secondMs, placeOf(mine, left, middleMs + shiftMs)],
    [heard.timeOf(theirs, { fromMs: middleMs }), placeOf(theirs, right, middleMs + shiftMs)],
  ];
  const lags = places.map(([line = 0, file = 0]) => file - line - shiftMs);
  process.stdout.write(
    `recording against the caller's line, lags in ms: ${lags.map((ms) => ms.toFixed(1)).join(" ")}\n`,
  );
  // A busy machine may have torn a sound on its way, which no recording can mend.
  if (lags.some(Number.isNaN)) return Number.POSITIVE_INFINITY;
  for (const lag of lags) expect(Math.abs(lag)).toBeLessThan(PAIRING_MS);

  // The paused passage: nothing of either side, not even noise.
  const from = Math.round((pausedMs + shiftMs + 100) * 8);
  const to = Math.round((resumedMs + shiftMs - 100) * 8);
  expect(to - from).toBeGreaterThan(700 * 8);
  expect([loudest(left.subarray(from, to)), loudest(right.subarray(from, to))]).toEqual([0, 0]);

  const { mode } = await stat(recording.path ?? "");
  expect((mode & 0o777).toString(8)).toBe("640");
  return Math.max(...lags.map(Math.abs));
}

describe.skipIf(!install)("a recorded call", () => {
  let pbx: RecordedPbx;

  beforeAll(async () => {
    if (install) pbx = await RecordedPbx.start(install);
  }, 120_000);
  afterAll(() => pbx?.[Symbol.asyncDispose]());

  const quiet = (worker: Worker): Promise<void> => until(async () => (await worker.raw()).length === 0);

  test("has what the caller said on the left and what the caller heard on the right, in time, and silence for what was paused", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "none" });
    let best = Number.POSITIVE_INFINITY;
    for (let calls = 1; calls <= CALLS && best >= LAG_MS; calls++) {
      best = Math.min(best, await worstLagMs(worker));
      expect(worker.results.length).toBe(calls);
    }
    expect(best).toBeLessThan(LAG_MS);
    expect(new Set(worker.results)).toEqual(new Set(["kept"]));
    await quiet(worker);
  }, 120_000);

  test("of a wideband caller is wideband", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "none" });
    const options = { port: pbx.asterisk.ports.sip, from: "1", fromName: "", to: "4100", host: "127.0.0.2" };
    const phone = await SipPhone.dial({ ...options, codec: "g722" });
    expect(await phone.answered).toBe(200);
    const leg = await worker.nextLeg();
    const media = await leg.openMedia();
    expect(media.rate).toBe(16_000);
    await phone.line.until(() => phone.line.packets > 25, "packets");
    phone.hangUp();
    if (!leg.recording) throw new Error("the leg knows of no recording");
    const wav = await worker.kept(leg.recording);
    expect([wav.rate, wav.channels.length]).toEqual([16_000, 2]);
  });

  test("is announced first, and the announcement is heard before the agent", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "announce" });
    await using call = await worker.call();
    expect(call.recording.consent).toBe("announced");
    expect(call.caller.heard.spells.length, "the announcement").toBeGreaterThan(0);
    expect(call.recording.path).not.toBeNull();
  });

  test("whose announcement cannot be played is none, and the call is answered all the same", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "announce" });
    const file = join(pbx.sounds, "recording-announce.wav");
    await rename(file, `${file}.away`);
    try {
      await using call = await worker.call();
      expect([call.recording.consent, call.recording.path]).toEqual(["untold", null]);
      // What the test before has left is still on its way out.
      expect((await worker.raw()).filter((name) => name.includes(call.leg.id))).toEqual([]);
    } finally {
      await rename(`${file}.away`, file);
    }
  });

  test("that asks is recorded after a 1, and neither after another key nor after none", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "ask" });
    const outcomes: unknown[] = [];
    for (const key of ["1", "2", ""]) {
      const press = async (caller: { press(digits: string): Promise<unknown> }): Promise<void> => {
        if (key) await caller.press(key);
      };
      await using call = await worker.call(press);
      outcomes.push([call.recording.consent, call.recording.path !== null, (await worker.raw()).length > 0]);
      // Pausing what does not exist is no fault: nothing is recorded, as wanted.
      await call.recording.pause();
      await call.recording.resume();
      await call[Symbol.asyncDispose]();
      await quiet(worker);
    }
    expect(outcomes).toEqual([
      ["given", true, true],
      ["refused", false, false],
      ["unanswered", false, false],
    ]);
  }, 120_000);

  test("ends where the agent's part of the call ends, and is there while the caller is still in the menu", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "none" });
    await using call = await worker.call();
    await play(call.media, burst(5, 400));
    await call.leg.giveBack({ next: "menu", reason: "test" });
    const { channels } = await worker.kept(call.recording);
    expect(call.caller.signal.aborted).toBe(false);
    expect(channels[0]?.length).toBeGreaterThan(400 * 8);
  });

  test("goes on in the menu where the whole call is wanted", async () => {
    await using worker = await pbx.worker({ mode: "call", consent: "none" });
    await using call = await worker.call();
    await play(call.media, burst(5, 400));
    await call.leg.giveBack({ next: "menu", reason: "test" });
    const backMs = systemClock.now();
    await call.caller.heard.soundFor({ ms: 500, sinceMs: backMs, signal: AbortSignal.timeout(5000) });
    await call.caller.hangUp();
    const { channels } = await worker.kept(call.recording);
    const end = channels[1]?.subarray(-8 * 200) ?? new Int16Array();
    expect(loudest(end)).toBeGreaterThan(1000);
  });

  test("whose worker dies in a protected passage stays paused, and the next worker makes its file", async () => {
    const dead = await pbx.worker({ mode: "call", consent: "none" });
    const call = await dead.call();
    await play(call.media, burst(5, 400));
    await call.recording.pause();
    const atMs = systemClock.now() - call.caller.recordings.sent.startMs;
    // Its connections are gone; the dialplan has the call, and the menu is heard.
    await dead[Symbol.asyncDispose]();
    const secret = burst(9);
    await call.caller.say(framesOf(secret));
    await call[Symbol.asyncDispose]();
    await until(async () => /^0 active channels/m.test(await pbx.asterisk.cli("core show channels count")));
    expect((await dead.raw()).length).toBeGreaterThan(0);
    await using next = await pbx.worker({ mode: "call", consent: "none" });
    const [left = new Int16Array()] = (await next.kept(call.recording)).channels;
    expect(left.length).toBeGreaterThan((atMs + 500) * 8);
    expect(findSound({ sound: secret, recording: left }).score).toBeLessThan(0.1);
    await quiet(next);
  }, 120_000);

  test("that cannot be written costs no call, and is counted", async () => {
    // Nobody makes a folder below a file, whatever user runs this.
    const file = join(pbx.dir, "no-folder");
    await writeFile(file, "");
    await using worker = await pbx.worker({ mode: "agent", consent: "none", spool: join(file, "incoming") });
    await expect(worker.folder.prepare()).rejects.toThrow();
    const call = await worker.call();
    await play(call.media, burst(5, 200));
    expect(call.caller.signal.aborted).toBe(false);
    await call[Symbol.asyncDispose]();
    await until(async () => worker.results.includes("missing"));
  });

  test("whose file cannot be made stays with the PBX's files, and is made when that can be done", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "none" });
    const call = await worker.call();
    await play(call.media, burst(5, 200));
    const year = join(worker.dir, String(new Date(systemClock.wall()).getFullYear()));
    await rm(year, { recursive: true, force: true });
    await writeFile(year, "in the way");
    await call[Symbol.asyncDispose]();
    await until(async () => worker.results.includes("failed"));
    expect((await worker.raw()).length).toBe(2);
    await rm(year);
    worker.folder.sweep(async () => new Set());
    await worker.kept(call.recording);
  });
});
