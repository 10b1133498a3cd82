import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { startWholeService, type WholeService } from "../support/whole-service.ts";
import { SecureDesk } from "./secure-desk.ts";

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
    const signal = AbortSignal.timeout(60_000);
    const leg = await phone.call("4100", { codec: "ulaw", signal });
    await desk.keepsSecret(leg, { dir, signal });
    const log = await readFile(join(dir, "sidetone.log"), "utf8");
    expect(log).toContain("call ended");
  }, 90_000);
});
