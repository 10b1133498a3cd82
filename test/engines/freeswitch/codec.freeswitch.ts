import { afterAll, beforeAll, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { readableLog, until } from "../asterisk/support.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";

const pbx = new RealFreeswitch("auto");
beforeAll(() => pbx.start());
afterAll(() => pbx.stop());

test("a caller without a codec in common is answered 488, and the log says what either side had", async () => {
  const { log, lines } = readableLog();
  const engine = pbx.createEngine(log);
  const stop = new AbortController();
  const running = engine.run(async () => {}, stop.signal);
  while (engine.health.state !== "connected") await systemClock.sleep(10);
  await expect(pbx.placeCall({ codec: "g722", to: "alaw" })).rejects.toThrow(/488/);
  await until(() => lines.join("").includes("488"), "the explanation");
  const [line = "{}"] = lines.filter((one) => one.includes("488"));
  expect(JSON.parse(line)).toMatchObject({ offered: ["G722/8000", "telephone-event/8000"], allowed: ["PCMA"] });
  stop.abort();
  await running;
});
