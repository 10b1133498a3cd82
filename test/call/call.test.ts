import { expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { type CallServices, handleCall } from "../../src/call/call.ts";
import type { Next } from "../../src/call/engine.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

function prepare({ converse, failMedia = false }: { converse: (leg: FakeLeg) => Promise<Next>; failMedia?: boolean }) {
  const media = new FakeMedia(new VirtualClock());
  const steps: string[] = [];
  const leg = new FakeLeg({
    media: async () => {
      if (failMedia) throw new Error("no socket");
      return media;
    },
  });
  const services: CallServices = {
    openRecord: () => ({
      mark: (what) => void steps.push(what),
      close: (next) => ({ next }),
    }),
    converse: () => converse(leg),
    saveRecord: async (record) => void steps.push(JSON.stringify(record)),
    log: silentLog,
  };
  return { leg, media, services, steps };
}

test("a call is talked, given back and recorded, in that order", async () => {
  const { leg, media, services, steps } = prepare({ converse: async () => ({ next: "transfer", target: "sales" }) });
  await handleCall(leg, services);
  expect(leg.given).toEqual([{ next: "transfer", target: "sales" }]);
  expect(media.closed).toBe(true);
  expect(steps[0]).toBe("media");
  expect(steps).toHaveLength(2);
});

test("a caller whose media fails gets the menu with the reason", async () => {
  const { leg, services, steps } = prepare({ converse: async () => ({ next: "hangup" }), failMedia: true });
  await handleCall(leg, services);
  expect(leg.given).toEqual([{ next: "menu", reason: "media" }]);
  expect(steps).toHaveLength(1);
});

test("a conversation that throws costs the caller nothing but the menu", async () => {
  const { leg, media, services } = prepare({
    converse: async () => {
      throw new Error("broken");
    },
  });
  await handleCall(leg, services);
  expect(leg.given).toEqual([{ next: "menu", reason: "failure" }]);
  expect(media.closed).toBe(true);
});

test("a record that cannot be opened or saved does not keep the call", async () => {
  const { leg, media, services } = prepare({ converse: async () => ({ next: "hangup" }) });
  await handleCall(leg, { ...services, saveRecord: () => Promise.reject(new Error("disk full")) });
  expect(leg.given).toEqual([{ next: "hangup" }]);
  const second = prepare({ converse: async () => ({ next: "hangup" }) });
  await handleCall(second.leg, {
    ...second.services,
    openRecord: () => {
      throw new Error("disk full");
    },
  });
  expect(second.leg.given).toEqual([{ next: "menu", reason: "failure" }]);
  media.close();
  second.media.close();
});

test("a caller who hangs up is no failure", async () => {
  const { leg, media, services } = prepare({
    converse: async (callers) => {
      callers.hangUp();
      throw new Error("the socket closed");
    },
  });
  await handleCall(leg, services);
  expect(leg.given).toEqual([{ next: "hangup" }]);
  media.close();
});
