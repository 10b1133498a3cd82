import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { MENU_HZ } from "../engines/contract.ts";
import { optionsFor } from "../engines/fake-harness.ts";
import { freePort } from "../engines/free-port.ts";
import { RealAsterisk } from "../engines/real-asterisk.ts";
import { SipPhone } from "../engines/sip-phone.ts";
import { FakeAsterisk } from "../fakes/asterisk/fake-asterisk.ts";
import { MediaTap } from "./media-tap.ts";
import { type Fault, ROWS, type Row, tableOf } from "./rows.ts";
import { SmallDisk } from "./small-disk.ts";
import { FaultyWorker, VOICE_HZ } from "./worker.ts";

const SHARE = 0.5;
const PATIENCE_MS = 10_000;
const measured: Partial<Record<Fault, number>> = {};

/** The fault's row: its time is within the bound, and what the log and the metrics are to say, they say. */
async function shown(fault: Fault, ms: number, worker?: FaultyWorker): Promise<void> {
  const row: Row = ROWS[fault];
  expect(ms, "how long").toBeLessThanOrEqual(row.withinMs);
  if (row.log !== undefined) await expect.poll(() => worker?.said(row.log ?? ""), { timeout: 5000 }).toBe(true);
  if (row.metric !== undefined) {
    const wanted = row.metric.startsWith("sidetone_engine_up") ? /^0$/ : /^[1-9]/;
    const value = async (): Promise<string> =>
      (await worker?.metrics())
        ?.split("\n")
        .find((line) => line.startsWith(`${row.metric} `))
        ?.split(" ")
        .at(-1) ?? "";
    await expect.poll(value, { timeout: 5000 }).toMatch(wanted);
  }
  measured[fault] = ms;
}

describe.skipIf(!inject("asterisk"))("a caller on the real Asterisk, while", () => {
  const pbx = new RealAsterisk("websocket");

  beforeAll(() => pbx.start(), 120_000);
  afterAll(async () => {
    await pbx.stop();
    const table = tableOf(measured).join("\n");
    writeFileSync(process.env.SIDETONE_FAULT_MATRIX ?? join(tmpdir(), "sidetone-fault-matrix.md"), `${table}\n`);
    process.stdout.write(`${table}\n`);
  });

  async function dial(): Promise<SipPhone> {
    const line = { host: "127.0.0.2", from: "100", fromName: "", to: "3000", codec: "ulaw" } as const;
    const phone = await SipPhone.dial({ port: pbx.pbx.ports.sip, ...line });
    expect(await phone.answered).toBe(200);
    return phone;
  }

  const hears = ({ line }: SipPhone, hz: number, what: string): Promise<void> =>
    line.until(() => line.share(hz) > SHARE, what, PATIENCE_MS);

  /** A call whose agent has greeted. */
  async function greeted(): Promise<SipPhone> {
    const phone = await dial();
    await hears(phone, VOICE_HZ.greeting, "the greeting");
    await phone.line.until(() => phone.line.quiet, "the greeting's end", PATIENCE_MS);
    return phone;
  }

  /** The caller asks something; resolves when that was said. */
  async function ask(phone: SipPhone, worker: FaultyWorker): Promise<void> {
    phone.line.say(310, 400);
    await phone.line.until(() => !phone.line.talking, "the question");
    worker.ear.hear("question");
  }

  /** The longest gap between two packets that the caller got from now on. */
  function gaps({ line }: SipPhone): { stop(): number } {
    let [lastMs, longestMs, stopped] = [systemClock.now(), 0, false];
    const look = (): boolean => {
      const nowMs = systemClock.now();
      longestMs = Math.max(longestMs, nowMs - lastMs);
      lastMs = nowMs;
      return stopped;
    };
    line.until(look, "an end", 60_000).catch(() => {});
    return {
      stop() {
        stopped = true;
        return Math.max(longestMs, systemClock.now() - lastMs);
      },
    };
  }

  /** A call that is up, something that happens to it, and a question that is answered all the same. */
  async function goesOn(worker: FaultyWorker, happens: (phone: SipPhone) => Promise<void>): Promise<number> {
    const phone = await greeted();
    const watch = gaps(phone);
    await happens(phone);
    await ask(phone, worker);
    await hears(phone, VOICE_HZ.answer, "the answer");
    const gapMs = watch.stop();
    phone.hangUp();
    return gapMs;
  }

  async function toMenu(): Promise<number> {
    const phone = await dial();
    const fromMs = systemClock.now();
    await hears(phone, MENU_HZ, "the menu");
    phone.hangUp();
    return systemClock.now() - fromMs;
  }

  const nothing = async (): Promise<void> => {};

  test("the ARI password is wrong", { timeout: 120_000 }, async () => {
    const { ari, ...rest } = pbx.options;
    await using worker = await FaultyWorker.start({ options: { ...rest, ari: { ...ari, password: "another" } } });
    await expect.poll(() => worker.said("refuses the ARI user"), { timeout: 5000 }).toBe(true);
    await shown("password", await toMenu(), worker);
    expect(worker.lines.join()).not.toContain(pbx.options.ami.password);
  });

  test("chan_websocket is not loaded", { timeout: 120_000 }, async () => {
    await pbx.pbx.cli("module unload chan_websocket.so");
    try {
      await using worker = await FaultyWorker.start({ options: pbx.options });
      await expect.poll(() => worker.said("has not loaded chan_websocket.so"), { timeout: 5000 }).toBe(true);
      await shown("noWebsocket", await toMenu(), worker);
    } finally {
      await pbx.pbx.cli("module load chan_websocket.so");
    }
  });

  test("Asterisk is too old", { timeout: 120_000 }, async () => {
    const old = new FakeAsterisk();
    old.version = "20.6.0";
    await old.start();
    try {
      await using worker = await FaultyWorker.start({ options: optionsFor(old) });
      await expect.poll(() => worker.said("SIDETONE_MEDIA=audiosocket"), { timeout: 5000 }).toBe(true);
      const fromMs = systemClock.now();
      const { line } = old.dial();
      await line.until(() => line.share(MENU_HZ) > SHARE, "the menu");
      await shown("tooOld", systemClock.now() - fromMs, worker);
    } finally {
      await old.stop();
    }
  });

  test("Asterisk restarts", { timeout: 120_000 }, async () => {
    await using worker = await FaultyWorker.start({ options: pbx.options });
    const phone = await greetedBy(worker);
    await pbx.pbx.restart();
    const fromMs = systemClock.now();
    phone.close();
    await expect.poll(() => worker.ready(), { timeout: PATIENCE_MS, interval: 20 }).toBe(true);
    const ms = systemClock.now() - fromMs;
    await goesOn(worker, nothing);
    await shown("restart", ms, worker);
    await expect.poll(async () => (await worker.records()).filter(({ ended }) => ended).length).toBe(2);
  });

  test("a second service wants the same port", { timeout: 120_000 }, async () => {
    await using first = await readyWorker();
    const gapMs = await goesOn(first, async () => {
      const second = FaultyWorker.start({ options: pbx.options, port: first.port });
      await expect(second).rejects.toThrow(/is taken by another program.*server\.port/s);
    });
    await shown("twoServices", gapMs, first);
  });

  test("the API's port is taken", { timeout: 120_000 }, async () => {
    const port = await freePort();
    const other = createServer().listen(port, "127.0.0.1");
    await once(other, "listening");
    try {
      await using worker = await FaultyWorker.start({ options: pbx.options, port, portCanWait: true });
      await expect.poll(() => worker.said("connected to Asterisk's manager interface"), { timeout: 5000 }).toBe(true);
      await expect.poll(() => worker.said("connected to Asterisk's ARI"), { timeout: 5000 }).toBe(true);
      await shown("portTaken", await goesOn(worker, nothing), worker);
    } finally {
      other.close();
    }
  });

  test("a media id comes that nobody knows", { timeout: 120_000 }, async () => {
    await using worker = await readyWorker();
    const event = "SidetoneMedia,media: nobody,call: 1.1,attempt: 1,kind: websocket";
    const gapMs = await goesOn(worker, async () => {
      await pbx.pbx.cli(`channel originate Local/3000@sidetone-presence application UserEvent ${event}`);
    });
    await shown("unknownMedia", gapMs, worker);
    expect(worker.lines.filter((line) => /"level":"(warn|error)"/.test(line))).toEqual([]);
  });

  test("the media socket brings what is no sound and no message", { timeout: 120_000 }, async () => {
    const tap = new MediaTap(pbx.pbx.ports.http);
    const url = `ws://127.0.0.1:${await tap.open()}`;
    try {
      const { ari, ...rest } = pbx.options;
      await using worker = await readyWorker({ ...rest, ari: { ...ari, url } });
      const gapMs = await goesOn(worker, async () => {
        tap.say("x".repeat(10_000_000));
        for (const bytes of [1, 321, 100_000, 640, 160]) tap.say(new Uint8Array(bytes));
        await expect.poll(() => tap.silent, { timeout: 5000 }).toBe(true);
      });
      await shown("mediaSocket", gapMs, worker);
    } finally {
      await tap.close();
    }
  });

  test("the caller's RTP goes wild", { timeout: 120_000 }, async () => {
    await using worker = await readyWorker();
    const gapMs = await goesOn(worker, async (phone) => {
      const garbage = Array.from({ length: 200 }, (_, nth) => Buffer.alloc(nth * 6, (nth * 37) & 255));
      phone.sendGarbage(garbage);
      phone.changeSource();
      phone.silent = true;
      await systemClock.sleep(3000);
      phone.silent = false;
    });
    await shown("rtp", gapMs, worker);
  });

  for (const [fault, answer] of [
    ["modelThrows", new Error("overloaded")],
    ["modelSilent", ""],
  ] as const)
    test(ROWS[fault].fault, { timeout: 120_000 }, async () => {
      await using worker = await readyWorker();
      worker.model.answer = () => answer;
      const phone = await greeted();
      await ask(phone, worker);
      const fromMs = systemClock.now();
      await hears(phone, VOICE_HZ.apology, "the apology");
      const ms = systemClock.now() - fromMs;
      await phone.line.until(() => phone.line.quiet, "its end");
      await ask(phone, worker);
      await hears(phone, MENU_HZ, "the menu");
      phone.hangUp();
      await shown(fault, ms, worker);
    });

  test(ROWS.modelHangs.fault, { timeout: 120_000 }, async () => {
    await using worker = await readyWorker();
    worker.model.answer = () => "hang";
    const phone = await greeted();
    await ask(phone, worker);
    const fromMs = systemClock.now();
    await hears(phone, VOICE_HZ.apology, "the apology");
    await shown("modelHangs", systemClock.now() - fromMs, worker);
    phone.hangUp();
  });

  test(ROWS.voiceThrows.fault, { timeout: 120_000 }, async () => {
    await using worker = await readyWorker();
    worker.voice.fails = true;
    const phone = await greeted();
    await ask(phone, worker);
    const fromMs = systemClock.now();
    await hears(phone, MENU_HZ, "the menu");
    await shown("voiceThrows", systemClock.now() - fromMs, worker);
    phone.hangUp();
  });

  test(ROWS.earDies.fault, { timeout: 120_000 }, async () => {
    await using worker = await readyWorker();
    const gapMs = await goesOn(worker, async () => {
      worker.ear.die(new Error("gone"));
      await expect.poll(() => worker.ear.opened, { timeout: 5000 }).toBe(2);
    });
    await shown("earDies", gapMs, worker);
  });

  test(ROWS.diskFull.fault, { timeout: 120_000 }, async () => {
    await using disk = await SmallDisk.mount("400k");
    await using worker = await readyWorker(pbx.options, { stateDir: join(disk.path, "state") });
    const phone = await greeted();
    const watch = gaps(phone);
    expect(disk.fill()).toBe("ENOSPC");
    for (let turns = 0; turns < 2; turns++) {
      worker.model.answer = () => `answer${".".repeat(3000)}`;
      await ask(phone, worker);
      await hears(phone, VOICE_HZ.answer, "the answer");
      await phone.line.until(() => phone.line.quiet, "its end");
    }
    const gapMs = watch.stop();
    await shown("diskFull", gapMs, worker);
    disk.free();
    phone.hangUp();
    await expect
      .poll(async () => (await worker.records()).map(({ ended, turns }) => [ended !== null, turns.length]), {
        timeout: 15_000,
      })
      .toEqual([[true, 3]]);
  });

  test(ROWS.recordings.fault, { timeout: 120_000 }, async () => {
    const settings = "recording: {mode: agent, consent: none, dir: state/nowhere/recordings}\n";
    const prepare = (stateDir: string): void => {
      // A file where a folder should be: root may write everywhere else.
      writeFileSync(join(stateDir, "..", "state-file"), "");
    };
    const blocked = settings.replace("state/nowhere", "state-file");
    await using worker = await readyWorker(pbx.options, { settings: blocked, prepare });
    await shown("recordings", await goesOn(worker, nothing), worker);
  });

  test(ROWS.corrupt.fault, { timeout: 120_000 }, async () => {
    const prepare = async (stateDir: string): Promise<void> => {
      await mkdir(join(stateDir, "records"), { recursive: true });
      writeFileSync(join(stateDir, "records", "calls.db"), "broken ".repeat(1000));
    };
    await using worker = await readyWorker(pbx.options, { prepare });
    await shown("corrupt", await goesOn(worker, nothing), worker);
    await expect.poll(async () => (await worker.records()).filter(({ ended }) => ended).length).toBe(1);
  });

  test(ROWS.clock.fault, { timeout: 120_000 }, async () => {
    let jumpMs = 0;
    const clock = { ...systemClock, wall: () => systemClock.wall() + jumpMs };
    await using worker = await readyWorker(pbx.options, { clock });
    const gapMs = await goesOn(worker, async () => {
      jumpMs = -3 * 3_600_000;
      // What the dialplan sees when Asterisk's clock jumps: a heartbeat of another time. The next one mends it.
      await pbx.pbx.cli(`dialplan set global SIDETONE_BEAT ${Math.floor(systemClock.wall() / 1000) + 10_800}`);
      await systemClock.sleep(700);
    });
    await goesOn(worker, nothing);
    await shown("clock", gapMs, worker);
    await expect
      .poll(async () => (await worker.records()).filter(({ ended }) => ended).length, { timeout: 5000 })
      .toBe(2);
    for (const { started, ended } of await worker.records()) {
      const lengthMs = Date.parse(ended ?? "") - Date.parse(started);
      expect([lengthMs > 1000, lengthMs < 20_000]).toEqual([true, true]);
    }
  });

  async function readyWorker(
    options = pbx.options,
    wishes: Partial<Parameters<typeof FaultyWorker.start>[0]> = {},
  ): Promise<FaultyWorker> {
    const worker = await FaultyWorker.start({ options, ...wishes });
    await expect.poll(() => worker.ready(), { timeout: PATIENCE_MS, interval: 20 }).toBe(true);
    return worker;
  }

  async function greetedBy(worker: FaultyWorker): Promise<SipPhone> {
    await expect.poll(() => worker.ready(), { timeout: PATIENCE_MS, interval: 20 }).toBe(true);
    return greeted();
  }
});
