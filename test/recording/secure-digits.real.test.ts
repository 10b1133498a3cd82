import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { readWav } from "../../src/audio/wav.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";
import { digitsIn, filesBelow, LEAK, OPEN, PIN, SecureDesk } from "./secure-desk.ts";

const install = inject("asterisk");

describe.skipIf(!install)("a caller's PIN, on a real Asterisk", () => {
  let whole: WholeService;
  const desk = new SecureDesk();

  beforeAll(async () => {
    const settings = await desk.start();
    if (install) whole = await startWholeService(install, { settings });
  }, 120_000);
  afterAll(async () => {
    await whole?.[Symbol.asyncDispose]();
    await desk[Symbol.asyncDispose]();
  });

  test("reaches the tool that checks it, and nobody and nothing else", async () => {
    const { phone, dir } = whole;
    const { shop, model, listener } = desk;
    const signal = AbortSignal.timeout(60_000);
    const leg = await phone.call("4100", { codec: "ulaw", signal });
    await desk.pressed(leg, signal);
    expect(shop.asked.map(({ body }) => body)).toEqual([JSON.stringify({ pin: PIN })]);
    expect((await filesBelow(dir)).some((file) => file.endsWith("calls.db"))).toBe(true);
    expect(await desk.leaks([dir]), "while the call is up").toEqual([]);
    await leg.hangUp();
    const recordings = join(dir, "state/recordings");
    const wavs = async () => (await filesBelow(recordings)).filter((file) => file.endsWith(".wav"));
    await expect.poll(async () => (await wavs()).length, { timeout: 20_000 }).toBe(1);

    expect(await desk.leaks([dir]), "afterwards").toEqual([]);
    const sent = model.requests.map(({ body }) => body).join("\n");
    expect(sent).toContain("token-");
    expect(sent).toContain("[removed]");
    expect(sent).not.toMatch(LEAK);
    const [file = ""] = await wavs();
    const { rate, channels } = readWav(await readFile(file));
    expect(digitsIn(channels[0] ?? new Int16Array(), rate), "the recording").toBe(OPEN);
    expect(digitsIn(channels[1] ?? new Int16Array(), rate), "the agent's side").toBe("");
    expect(digitsIn(listener.pcm, 8000), "the recogniser").not.toMatch(/[739146]/);
    const log = await readFile(join(dir, "sidetone.log"), "utf8");
    expect(log).toContain("call ended");
  }, 90_000);
});
