import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { WebSocketServer } from "ws";
import { OutsideError } from "../../../src/base/errors.ts";
import { silentLog } from "../../../src/base/log.ts";
import { Presence } from "../../../src/engines/asterisk/presence.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";
import { until } from "./support.ts";

test("a worker that Asterisk did not show shows itself within two seconds, however long that went on; and at once when it was shown", async () => {
  const media = new WebSocketServer({ port: 0, host: "127.0.0.1" });
  await once(media, "listening");
  onTestFinished(() => void media.close());
  const clock = new VirtualClock();
  const over = new AbortController();
  const triedMs: number[] = [];
  let refuses = true;
  const ari = {
    async request() {
      triedMs.push(clock.now());
      if (refuses) throw new OutsideError("ari-500", "Allocation failed");
    },
    variable: async () => "connection",
  };
  const url = `http://127.0.0.1:${(media.address() as AddressInfo).port}`;
  const held = new Presence({
    ari,
    ami: { setVariable: () => new Promise<void>(() => {}) },
    pulse: true,
    url,
    clock,
    log: silentLog,
  }).hold(over.signal);

  await clock.advance(60_000);
  const pauses = triedMs.slice(1).map((atMs, index) => atMs - (triedMs[index] ?? 0));
  expect(Math.max(...pauses)).toBeLessThanOrEqual(2000);
  // And no hammering: a broken one is not asked ten times a second.
  expect(triedMs.length).toBeLessThan(70);

  refuses = false;
  await clock.advance(2000);
  await until(() => media.clients.size === 1 && clock.pending === 0, "the presence");
  const shown = triedMs.length;
  for (const client of media.clients) client.terminate();
  await until(() => clock.pending === 1, "its end to be noticed");
  await clock.advance(250);
  expect(triedMs).toHaveLength(shown + 1);
  await until(() => media.clients.size === 1 && clock.pending === 0, "the presence once more");

  over.abort();
  await held;
});
