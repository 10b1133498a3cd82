import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { prepareAsterisk } from "../../deploy/engines/asterisk.ts";
import { Pbx, PHONE_HZ } from "./pbx.ts";

let pbx: Pbx;
let empty: string;
beforeAll(async () => {
  empty = await mkdtemp(join(tmpdir(), "sidetone-empty-"));
  // Asterisk does not start without its own documentation, but it does without sounds.
  const { dataDir } = await prepareAsterisk();
  await symlink(join(dataDir, "documentation"), join(empty, "documentation"));
  pbx = await Pbx.start({ prompts: false, install: (install) => ({ ...install, dataDir: empty }) });
}, 180_000);
afterAll(async () => {
  await pbx.stop();
  await rm(empty, { recursive: true, force: true });
});

describe("a PBX that has no sound files at all", () => {
  test("plays three tones for the menu, and the keys work", async () => {
    const caller = await pbx.call({ to: "4930555" });
    await caller.answered();
    expect((await caller.hears(880)) - caller.answeredAtMs).toBeLessThan(100);
    caller.press("2");
    await caller.hears(PHONE_HZ.support);
    expect(caller.requests).toEqual([]);
  });
});
