import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { tones } from "../../src/audio/tone.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { longestSilence } from "../asterisk/sip-peer.ts";
import { Pbx, PHONE_HZ, PROMPT_HZ, type Worker } from "./pbx.ts";

const AGENT_HZ = 1_900;
const BRIEF_HZ = 3_100;
const BRIEF = "brief-1";

let pbx: Pbx;
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sidetone-briefs-"));
  await mkdir(join(folder, "briefs"));
  const pcm = tones({ hz: [BRIEF_HZ], ms: 400, rate: 8_000, levelDbov: -12 });
  await writeFile(join(folder, "briefs", `${BRIEF}.wav`), writeWav({ rate: 8_000, channels: [pcm] }));
  pbx = await Pbx.start({ globals: { sidetone_brief_dir: join(folder, "briefs"), sidetone_key_ms: "2000" } });
}, 60_000);
afterEach(() => pbx.settle());
afterAll(async () => {
  await pbx?.stop();
  await rm(folder, { recursive: true, force: true });
});

type Wishes = Readonly<Record<string, string>>;

/** A caller whom the agent puts through, and the moment in which it does. */
async function handedOver(target: string, wishes: Wishes) {
  const worker = await pbx.worker(AGENT_HZ);
  const caller = await pbx.call();
  await caller.hears(AGENT_HZ);
  const uuid = worker.lent[0]?.uuid ?? "";
  for (const [name, value] of Object.entries(wishes)) await pbx.freeswitch.cli(`uuid_setvar ${uuid} ${name} ${value}`);
  const atMs = systemClock.now();
  worker.child.stdin?.write(`back ${target}\n`);
  return { caller, worker, uuid, atMs };
}

const WARM: Wishes = {
  sidetone_brief: BRIEF,
  sidetone_ring: "5",
  sidetone_why: "An invoice that is wrong",
  sidetone_on_busy: "agent",
  sidetone_on_noanswer: "agent",
};

const variable = (uuid: string, name: string): Promise<string> => pbx.freeswitch.cli(`uuid_getvar ${uuid} ${name}`);

const killed = ({ child }: Worker): void => void child.kill("SIGKILL");

describe("a caller whom the agent hands to a human, with a brief", () => {
  test("the human alone hears it and takes the call with 1; the caller is never left in silence", async () => {
    const { caller, worker, atMs } = await handedOver("sales", WARM);
    const { sales } = pbx.phones;
    await sales.hears(BRIEF_HZ);
    // Nothing from here on needs Sidetone.
    killed(worker);
    await sales.until(() => systemClock.now() - sales.answeredAtMs > 2_300, "the brief's end");
    expect([caller.timesHeard(BRIEF_HZ), caller.timesHeard(PHONE_HZ.sales)]).toEqual([0, 0]);
    caller.say(1_500);
    sales.press("1");
    const takenAtMs = await caller.hears(PHONE_HZ.sales);
    await sales.hears(1_500);
    expect(longestSilence(caller, atMs, takenAtMs)).toBeLessThan(1_000);
    const invite = sales.requests.find(({ method }) => method === "INVITE")?.text ?? "";
    expect(invite).toMatch(/^From: "An invoice that is wrong" <sip:\+4930123456@/m);
    expect(invite).toMatch(/^X-Sidetone-Reason: An invoice that is wrong\r?$/m);
    sales.hangUp();
    await caller.ended();
  });

  test.each([
    ["refuses with 2", "2", "refused"],
    ["hangs up on the brief", "hang up", "refused"],
    ["is busy", "486 Busy Here", "busy"],
    ["does not answer", "ring", "noanswer"],
  ])("a human who %s: the agent has the caller again, and knows why", async (_how, does, why) => {
    const { sales } = pbx.phones;
    if (does === "ring" || does.startsWith("4")) sales.whenCalled = does;
    const { caller, atMs, worker, uuid } = await handedOver("sales", { ...WARM, sidetone_ring: "1" });
    if (does === "2" || does === "hang up") await sales.hears(BRIEF_HZ);
    if (does === "2") sales.press("2");
    if (does === "hang up") sales.hangUp();
    await caller.until(() => worker.lent.length > 1, "the second lending");
    const backAtMs = await caller.hears(AGENT_HZ, systemClock.now());
    expect(longestSilence(caller, atMs, backAtMs)).toBeLessThan(1_000);
    expect(await variable(uuid, "sidetone_returned")).toBe(`sales/${why}`);
  });

  test("with Sidetone dead meanwhile, a refusal is the menu, at once", async () => {
    const { sales } = pbx.phones;
    const { caller, worker } = await handedOver("sales", WARM);
    await sales.hears(BRIEF_HZ);
    killed(worker);
    const atMs = systemClock.now();
    sales.press("2");
    expect((await caller.hears(PROMPT_HZ.menu)) - atMs).toBeLessThan(1_000);
  });

  test("a caller who hangs up during the brief leaves nobody behind", async () => {
    const { caller } = await handedOver("sales", WARM);
    const { sales } = pbx.phones;
    await sales.hears(BRIEF_HZ);
    caller.hangUp();
    await sales.ended();
  });

  test("without a brief of its own the human hears the fixed one; without an answer the caller leaves it at the menu", async () => {
    const { sales } = pbx.phones;
    const { caller } = await handedOver("sales", { sidetone_brief: "-", sidetone_on_noanswer: "menu" });
    await sales.hears(PROMPT_HZ.brief);
    sales.press("5");
    await caller.hears(PROMPT_HZ.unavailable);
    await caller.hears(PROMPT_HZ.menu);
  });
});
