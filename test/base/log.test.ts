import { describe, expect, test } from "vitest";
import { createLog, silentLog } from "../../src/base/log.ts";

function lines(options: Parameters<typeof createLog>[0] = {}) {
  const written: string[] = [];
  return { written, log: createLog({ ...options, destination: { write: (line) => written.push(line) } }) };
}

describe("the log", () => {
  test("writes one JSON line, fields first", () => {
    const { written, log } = lines();
    log.child({ call: "c1" }).info({ durationMs: 12 }, "call ended");
    expect(written).toHaveLength(1);
    expect(JSON.parse(written[0] ?? "")).toMatchObject({
      level: "info",
      msg: "call ended",
      call: "c1",
      durationMs: 12,
    });
  });

  test("never shows a password, wherever it stands", () => {
    const { written, log } = lines({ level: "debug" });
    log.info({ password: "s3cret", engine: { ami: { secret: "s3cret", user: "sidetone" } } }, "connecting");
    log
      .child({ token: "s3cret" })
      .debug({ headers: { authorization: "Bearer s3cret" }, provider: { key: "s3cret" } }, "asking");
    log.error({ err: Object.assign(new Error("refused"), { config: { apiKey: "s3cret" } }) }, "refused");
    expect(written).toHaveLength(3);
    expect(written.join("")).not.toContain("s3cret");
    expect(written[0]).toContain("sidetone");
  });

  test("says nothing below its level", () => {
    const { written, log } = lines({ level: "warn" });
    log.debug({}, "no");
    log.info({}, "no");
    log.warn({}, "yes");
    expect(written).toHaveLength(1);
    silentLog.child({}).error({}, "nobody hears this");
  });

  test("is readable on a terminal", () => {
    const { written, log } = lines({ pretty: true });
    log.warn({ engine: "asterisk", detail: "two words" }, "engine lost");
    expect(written[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}engine lost engine=asterisk detail="two words"\n$/);
  });
});
