import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { words } from "../../bench/sounds.ts";
import { findSound } from "../../src/audio/correlate.ts";
import { tones } from "../../src/audio/tone.ts";
import { systemClock } from "../../src/base/clock.ts";
import { CODECS } from "../../src/caller/codec.ts";
import type { RtpEnd } from "./rtp-end.ts";
import { ack, answered, bye, invite, inviteWithout, mark, pause, receive, sdp, send, talk } from "./scenario.ts";
import { type Inventory, NUMBER, startWorld, type World } from "./world.ts";

const install = inject("asterisk");
const QUESTION = "What are your opening hours?";
const FIRST_MS = 700;
const ASKS = 3;

/**
 * Asks, over the greeting perhaps, and hears the answer. Whoever is not understood asks again, as people do: how well a recogniser hears
 * what a busy machine sends late is not tried here.
 */
async function conversation(world: World, end: RtpEnd, say = (pcm: Int16Array) => end.say(pcm)): Promise<void> {
  for (let asked = 1; asked <= ASKS; asked++) {
    await say(words(QUESTION, { voice: "rms" }));
    await end.hears({ sinceMs: systemClock.now(), ms: 600 });
    if (/open/i.test(world.callerWords)) return;
    process.stdout.write(`asked ${asked} times, understood: "${world.callerWords}"\n`);
    await end.silent({ forMs: 400 });
  }
}

/** The question of the newest call is on record, as a recogniser hears it. */
async function understood(world: World): Promise<void> {
  const { turns } = await world.record();
  expect(turns.map(({ caller }) => caller).join(" "), JSON.stringify(turns)).toMatch(/open/i);
}

describe.skipIf(!install || !inject("pocketsphinx") || !inject("sipp"))("the SIP world", { timeout: 120_000 }, () => {
  let world: World;
  let before: Inventory;

  beforeAll(async () => {
    if (!install) return;
    world = await startWorld(install);
    // One call of each kind opens what stays open: pools, caches, the voice's worker.
    await world.call([...answered(), pause(1_500), ...bye(2)]);
    await world.settled();
    before = await world.inventory();
  }, 120_000);
  afterAll(async () => {
    await world?.[Symbol.asyncDispose]();
  });

  test("a caller who gives up before the answer is not answered, and no agent speaks", async () => {
    const records = await world.records();
    const steps = [invite(), receive(100), pause(300), send("CANCEL", { back: 3 }), receive(200), receive(487), ack()];
    await world.call(steps, { to: "ring", host: "127.0.0.2" });
    expect(await world.records()).toBe(records);
  });

  test("callers who give up in the very moment of the answer leave nothing behind", async () => {
    for (let delayMs = 0; delayMs < 20; delayMs += 2) {
      const leg = await world.whole.phone.call(NUMBER);
      await systemClock.sleep(delayMs);
      await leg.hangUp();
    }
    await world.settled();
  });

  test("a caller without a codec of ours hears 488", async () => {
    await world.call([invite({ body: sdp({ types: "4" }) }), receive(100, { optional: true }), receive(488), ack()]);
  });

  test("a caller who leaves the offer to us is answered", async () => {
    const steps = [
      inviteWithout(),
      receive(100, { optional: true }),
      receive(183, { optional: true }),
      receive(200, { with: "m=audio" }),
      ack({ body: sdp({ types: "0 101" }) }),
      pause(FIRST_MS + 600),
      ...bye(2),
    ];
    await world.call(steps, { meanwhile: async (end) => void (await end.hears()) });
  });

  test("a caller on hold is not talked to, and after it the conversation goes on", async () => {
    const hold = invite({ number: 2, body: sdp({ direction: "sendonly", version: 2 }) });
    const unhold = invite({ number: 3, body: sdp({ version: 3 }) });
    const steps = [
      ...answered(),
      pause(FIRST_MS),
      ...[hold, receive(100, { optional: true }), receive(200), ack({ number: 2 })],
      pause(1_500),
      ...[unhold, receive(100, { optional: true }), receive(200), ack({ number: 3 })],
      mark("unheld"),
      ...talk(),
      ...bye(4),
    ];
    await world.call(steps, {
      async meanwhile(end, reached) {
        await end.hears();
        await end.silent({ forMs: 900 });
        // What is said while the agent is on hold is nobody's words.
        await reached("unheld");
        await conversation(world, end);
      },
    });
    await understood(world);
  });

  test("the music of a caller who has put us on hold is nobody's words", async () => {
    const hold = invite({ number: 2, body: sdp({ direction: "sendonly", version: 2 }) });
    const steps = [
      ...answered(),
      pause(FIRST_MS),
      ...[hold, receive(100, { optional: true }), receive(200), ack({ number: 2 })],
      pause(3_000),
      ...bye(3),
    ];
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await end.silent({ forMs: 500 });
        await end.say(words(`${QUESTION} ${QUESTION}`, { voice: "slt" }).subarray(0, 8_000 * 2));
      },
    });
    expect((await world.record()).turns.map(({ caller }) => caller).join("")).toBe("");
  });

  test("a codec that changes in mid-call changes nothing else", async () => {
    const other = invite({ number: 2, body: sdp({ types: "8 101", version: 2 }) });
    const steps = [
      ...answered(),
      pause(FIRST_MS),
      ...[other, receive(100, { optional: true }), receive(200, { with: "PCMA" }), ack({ number: 2 })],
      ...talk(),
      ...bye(3),
    ];
    let types = new Set<number>();
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await expect.poll(() => end.typesSince(systemClock.now() - 100)).toEqual(new Set([8]));
        await conversation(world, end, (pcm) =>
          end.say(
            pcm,
            {},
            CODECS.find(({ payloadType }) => payloadType === 8),
          ),
        );
        types = end.typesSince(systemClock.now() - 500);
      },
    });
    expect(types).toEqual(new Set([8]));
    await understood(world);
  });

  test("a session timer is agreed on, and refreshed", async () => {
    const timer = ["Supported: timer", "Session-Expires: 90;refresher=uac", "Min-SE: 90"];
    const refresh = send("UPDATE", { number: 2, headers: timer });
    const steps = [
      ...answered({ headers: timer }, { with: "Session-Expires: 90" }),
      pause(FIRST_MS),
      ...[refresh, receive(200, { with: "Session-Expires" })],
      pause(600),
      ...bye(3),
    ];
    await world.call(steps, { meanwhile: async (end) => void (await end.hears()) });
  });

  test("a caller who wants provisional answers acknowledged gets them, and the agent", async () => {
    const reliable = { headers: ["Require: 100rel", "Supported: 100rel"] };
    const steps = [
      invite(reliable),
      receive(100, { optional: true }),
      receive(183, { with: "RSeq: *([0-9]+)", name: "rseq" }),
      send("PRACK", { number: 2, headers: ["RAck: [$rseq] 1 INVITE"] }),
      receive(200),
      receive(200),
      ack(),
      pause(FIRST_MS + 600),
      ...bye(3),
    ];
    await world.call(steps, { host: "127.0.0.2", meanwhile: async (end) => void (await end.hears()) });
  });

  test("a caller who transfers the agent away leaves no agent talking to itself", async () => {
    const refer = send("REFER", {
      number: 2,
      headers: [`Refer-To: <sip:${NUMBER}@127.0.0.1>`, "Referred-By: <sip:201@127.0.0.1>"],
    });
    const records = await world.records();
    const steps = [...answered(), pause(FIRST_MS), refer, receive(603), pause(600), ...bye(3)];
    await world.call(steps, { meanwhile: async (end) => void (await end.hears()) });
    expect(await world.records()).toBe(records + 1);
  });

  test("a phone that sends comfort noise, and then nothing, is understood", async () => {
    const steps = [...answered({ body: sdp({ types: "0 13 101" }) }), ...talk(), ...bye(2)];
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await conversation(world, end, async (pcm) => {
          await end.say(pcm);
          end.comfortNoise();
        });
      },
    });
    await understood(world);
  });

  test("packets of 30 ms are as good as those of 20", async () => {
    const steps = [...answered({ body: sdp({ types: "0 101", lines: ["a=ptime:30"] }) }), ...talk(), ...bye(2)];
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await conversation(world, end, (pcm) => end.say(pcm, { ptimeMs: 30 }));
      },
    });
    await understood(world);
  });

  test("another source of the same call's sound is the same caller", async () => {
    const steps = [...answered(), ...talk(), ...bye(2)];
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await end.say(new Int16Array(3_200), { ssrc: 7 });
        await conversation(world, end, (pcm) => end.say(pcm, { ssrc: 99 }));
      },
    });
    await understood(world);
  });

  test("a caller whose sound moves to another port is followed", async () => {
    const moved = invite({ number: 2, body: sdp({ port: "moved_port", version: 2 }) });
    const other = await import("./rtp-end.ts").then(({ RtpEnd: End }) => End.open());
    try {
      const steps = [
        ...answered(),
        pause(FIRST_MS),
        ...[moved, receive(100, { optional: true }), receive(200), ack({ number: 2 })],
        ...talk(),
        ...bye(3),
      ];
      await world.call(steps, {
        keys: { moved_port: other.port },
        async meanwhile(end) {
          await end.hears();
          await other.hears({ ms: 100 });
          await conversation(world, other);
        },
      });
    } finally {
      other.close();
    }
  });

  test("keys by INFO are keys", async () => {
    const key = (digit: string, number: number) => [
      send("INFO", { number, type: "application/dtmf-relay", body: [`Signal=${digit}`, "Duration=160"] }),
      receive(200),
    ];
    const steps = [...answered(), pause(FIRST_MS), ...key("4", 2), ...key("2", 3), pause(500), ...bye(4)];
    await world.call(steps);
    expect((await world.record()).keys).toBe("42");
  });

  test("a fax machine is heard by its tone and goes to the menu, because nobody here takes faxes", async () => {
    const menu = world.whole.menu.subarray(0, 8_000);
    await world.call([...answered(), ...talk(), ...bye(2)], {
      async meanwhile(line) {
        const menuScore = (): number => {
          const recording = line.recording.samples({ fromMs: line.recording.startMs, toMs: systemClock.now() });
          return findSound({ sound: menu, recording }).score;
        };
        await line.hears();
        await line.say(tones({ hz: [1100], ms: 500, rate: 8000, levelDbov: -15 }));
        await line.say(new Int16Array(8_000 * 1.5));
        await expect.poll(menuScore, { timeout: 8_000, interval: 200 }).toBeGreaterThan(0.6);
      },
    });
    const { next } = await world.record();
    expect(next).toEqual({ next: "menu", reason: "fax" });
  });

  test.each([
    [
      "quotes, commas and a semicolon",
      '"O\\"Brien, Jr.; \\"x\\" $(id)" <sip:201@127.0.0.1:[local_port]>',
      /^O.*Brien, Jr\.; /,
    ],
    ["UTF-8", '"Zoë Müller 李" <sip:201@127.0.0.1:[local_port]>', /^Zoë Müller 李$/],
    ["a line break", '"Ann%0d%0aX: y" <sip:201@127.0.0.1:[local_port]>', /Ann/],
  ])("a caller's name with %s is a name, and nothing else", async (_what, from, expected) => {
    await world.call([...answered({ from }), pause(FIRST_MS), send("BYE", { number: 2, from }), receive(200)]);
    const { fromName } = await world.record();
    expect(fromName).toMatch(expected);
    expect(fromName).not.toMatch(/[\r\n]/);
  });

  test("a dialplan and a core that are reloaded in mid-call disturb nobody", async () => {
    const steps = [...answered(), ...talk(), ...bye(2)];
    await world.call(steps, {
      async meanwhile(end) {
        await end.hears();
        await world.whole.asterisk.cli("dialplan reload");
        await world.whole.asterisk.cli("core reload");
        await conversation(world, end);
      },
    });
    await understood(world);
    const { next } = await world.record();
    expect(next).not.toMatchObject({ reason: "failure" });
  });

  test("after all of it, channels, globals and handles are what they were", async () => {
    await world.settled();
    expect((await world.inventory()).globals).toBe(before.globals);
    // Both close theirs a little later than the call.
    for (const whose of ["asteriskHandles", "workerHandles"] as const)
      await expect
        .poll(async () => (await world.inventory())[whose], { timeout: 10_000 })
        .toBeLessThanOrEqual(before[whose] + 2);
  });
});
