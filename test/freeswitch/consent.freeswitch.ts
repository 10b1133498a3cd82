import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Pbx, PROMPT_HZ } from "./pbx.ts";

const AGENT_HZ = 1_900;
const SILENT_MS = 1_500;

let pbx: Pbx;
let spool = "";
beforeAll(async () => {
  spool = await mkdtemp(join(tmpdir(), "sidetone-spool-"));
  pbx = await Pbx.start({
    globals: {
      sidetone_record_mode: "agent",
      sidetone_record_dir: spool,
      sidetone_record_consent: "ask",
      sidetone_voicemail: "default 127.0.0.1 1000",
      sidetone_silent_ms: String(SILENT_MS),
    },
  });
});
afterEach(() => pbx.settle());
afterAll(async () => {
  await pbx?.stop();
  await rm(spool, { recursive: true, force: true });
});

const consent = (kind: string): Promise<string> => pbx.freeswitch.cli(`global_setvar sidetone_record_consent=${kind}`);
const variable = (uuid: string, name: string): Promise<string> => pbx.freeswitch.cli(`uuid_getvar ${uuid} ${name}`);

/** Calls, does what is asked when the question comes, and tells what the call's recording says when the agent speaks. */
async function answering(prompt: number, key?: string): Promise<string> {
  const worker = await pbx.worker(AGENT_HZ);
  const caller = await pbx.call();
  await caller.hears(prompt);
  if (key !== undefined) caller.press(key);
  await caller.hears(AGENT_HZ);
  return await variable(worker.lent[0]?.uuid ?? "", "sidetone_recording");
}

describe("before a call is lent", () => {
  test.each([
    ["1", /^given\/\d+-/],
    ["2", /^refused$/],
    [undefined, /^unanswered$/],
  ])("the caller is asked whether it may be recorded, and presses %s", async (key, recording) => {
    await consent("ask");
    expect(await answering(PROMPT_HZ["recording-ask"], key)).toMatch(recording);
  });

  test("the caller is told that it is recorded, and it is", async () => {
    await consent("announce");
    expect(await answering(PROMPT_HZ["recording-announce"])).toMatch(/^announced\/\d+-/);
    expect((await readdir(spool)).some((name) => name.endsWith(".wav"))).toBe(true);
  });
});

describe("the menu", () => {
  test("3 leads to the box for messages, where there is one", async () => {
    const caller = await pbx.call();
    await caller.hears(PROMPT_HZ["menu-voicemail"]);
    caller.press("3");
    // Nobody has this box: the application says so in its own way, and is the last step of the dialplan.
    await caller.ended();
    expect(caller.timesHeard(PROMPT_HZ.invalid)).toBe(0);
  });

  test("a caller who has gone without a word is noticed, and the call ends", async () => {
    const caller = await pbx.call({ mute: true });
    await caller.answered();
    await caller.ended();
    expect(systemClock.now() - caller.answeredAtMs).toBeLessThan(SILENT_MS + 2500);
  });
});
