import { rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { findSound } from "../../src/audio/correlate.ts";
import { systemClock } from "../../src/base/clock.ts";
import { framesOf } from "../../src/caller/speech.ts";
import { SipPhone } from "../engines/sip-phone.ts";
import { burst, play, RecordedPbx, until, type Worker } from "./recorded-pbx.ts";

const install = inject("asterisk");
const LAG_MS = 20;
// µ-law there, and the recorder's own filter: the same sound all the same.
const SCORE = 0.9;

/** Where a sound begins, in ms; it must be there. */
function placeOf(sound: Int16Array, recording: Int16Array, fromMs = 0): number {
  const { lag, score } = findSound({ sound, recording: recording.subarray(fromMs * 8) });
  expect(score).toBeGreaterThan(SCORE);
  return fromMs + lag / 8;
}

const loudest = (pcm: Int16Array): number => pcm.reduce((peak, sample) => Math.max(peak, Math.abs(sample)), 0);

describe.skipIf(!install)("a recorded call", () => {
  let pbx: RecordedPbx;

  beforeAll(async () => {
    if (install) pbx = await RecordedPbx.start(install);
  }, 120_000);
  afterAll(() => pbx?.[Symbol.asyncDispose]());

  const quiet = (worker: Worker): Promise<void> => until(async () => (await worker.raw()).length === 0);

  test("has what the caller said on the left and what the caller heard on the right, in time, and silence for what was paused", async () => {
    await using worker = await pbx.worker({ mode: "agent", consent: "none" });
    const call = await worker.call();
    const { caller, media, recording } = call;
    const [mine, theirs, secret] = [burst(3), burst(7), burst(11)];
    const both = () => Promise.all([caller.say(framesOf(mine)), play(media, theirs)]);
    await both();
    await recording.pause();
    expect(recording.paused).toBe(true);
    const pausedMs = systemClock.now();
    await Promise.all([caller.say(framesOf(secret)), play(media, secret)]);
    const resumedMs = systemClock.now();
    await recording.resume();
    await both();
    const startMs = caller.recordings.sent.startMs;
    const [sent, heard] = [caller.recordings.sent.samples(), caller.recordings.received.samples()];
    await call[Symbol.asyncDispose]();
    const { rate, channels } = await worker.kept(recording);
    const [left = new Int16Array(), right = new Int16Array()] = channels;
    expect([rate, channels.length, recording.consent, recording.pauses]).toEqual([8000, 2, "none", 1]);

    // Four sounds, two on each side: their places in the file are those on the caller's line, but for one common shift.
    const secondMs = resumedMs - startMs - 200;
    // Each sound comes twice, once on either side of this moment.
    const middle = Math.round(((pausedMs + resumedMs) / 2 - startMs) * 8);
    const firstHalf = (pcm: Int16Array): Int16Array => pcm.subarray(0, middle);
    const first = placeOf(mine, firstHalf(sent));
    const shiftMs = placeOf(mine, firstHalf(left)) - first;
    const places = [
      [placeOf(theirs, firstHalf(heard)), placeOf(theirs, firstHalf(right))],
      [placeOf(mine, sent, secondMs), placeOf(mine, left, secondMs + shiftMs)],
      [placeOf(theirs, heard, secondMs), placeOf(theirs, right, secondMs + shiftMs)],
    ];
    const lags = places.map(([line = 0, file = 0]) => file - line - shiftMs);
    process.stdout.write(
      `recording against the caller's line, lags in ms: ${lags.map((ms) => ms.toFixed(1)).join(" ")}\n`,
    );
    for (const lag of lags) expect(Math.abs(lag)).toBeLessThan(LAG_MS);

    // The paused passage: nothing of either side, not even noise.
    const from = Math.round((pausedMs - startMs + shiftMs + 100) * 8);
    const to = Math.round((resumedMs - startMs + shiftMs - 100) * 8);
    expect(to - from).toBeGreaterThan(700 * 8);
    expect([loudest(left.subarray(from, to)), loudest(right.subarray(from, to))]).toEqual([0, 0]);

    const { mode } = await stat(recording.path ?? "");
    expect((mode & 0o777).toString(8)).toBe("640");
    expect(worker.results).toEqual(["kept"]);
    await quiet(worker);
  }, 30_000);

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
  }, 20_000);

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
  }, 20_000);

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
