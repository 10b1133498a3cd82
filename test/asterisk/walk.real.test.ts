import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import WebSocket from "ws";
import { ModelAsterisk } from "../model/asterisk/pbx.ts";
import { World } from "../model/world.ts";
import { Pbx, PROMPT_HZ } from "./pbx.ts";

const NUMBER = "4930555";
const AGENT_HZ = 1_900;
/** An offer stands for so long. */
const DIAL_MS = 500;

/** What happens to a call after it was offered, the first and the second time. */
type Fate = "nobody takes it" | "its worker dies" | "refused" | `given back: ${string}`;

interface Walk {
  readonly name: string;
  /** A worker's heart beats. */
  readonly up: boolean;
  /** Another worker is known to be up. */
  readonly other: boolean;
  readonly fates: readonly Fate[];
}

const WALKS: readonly Walk[] = [
  { name: "nobody is up", up: false, other: false, fates: [] },
  { name: "nobody takes it", up: true, other: false, fates: ["nobody takes it"] },
  { name: "its worker dies, the only one", up: true, other: false, fates: ["its worker dies"] },
  { name: "it is refused", up: true, other: false, fates: ["refused"] },
  { name: "it is given back to the menu", up: true, other: false, fates: ["given back: menu"] },
  { name: "it is given back to nobody", up: true, other: false, fates: ["given back: nobody"] },
  { name: "two workers die with it", up: true, other: true, fates: ["its worker dies", "its worker dies"] },
  {
    name: "its worker dies, and the other does not come",
    up: true,
    other: true,
    fates: ["its worker dies", "nobody takes it"],
  },
  {
    name: "it is taken late, and two workers die with it",
    up: true,
    other: true,
    fates: ["nobody takes it", "its worker dies", "its worker dies"],
  },
  { name: "nobody takes it twice", up: true, other: true, fates: ["nobody takes it", "nobody takes it"] },
  { name: "the second worker gives it back", up: true, other: true, fates: ["its worker dies", "given back: menu"] },
];

/** The same in the model, whose dialplan is the shipped file. */
async function modelled({ up, other, fates }: Walk): Promise<string[]> {
  const world = new World(1);
  const pbx = new ModelAsterisk(world);
  if (up) pbx.globals.set("SIDETONE_BEAT", String(Math.floor(world.clock.wall() / 1000)));
  if (other) pbx.present.add("other");
  const call = pbx.call(NUMBER);
  const running = call.run();
  for (const fate of fates) {
    await world.clock.advance(100);
    const { media } = call;
    if (!media) break;
    if (fate === "nobody takes it") {
      await world.clock.advance(DIAL_MS);
      continue;
    }
    const next = fate === "refused" ? "menu" : fate.replace("given back: ", "");
    if (fate !== "its worker dies") call.variables.set("SIDETONE_NEXT", next);
    if (fate !== "refused") media.onUp();
    await world.clock.advance(50);
    media.end();
  }
  await world.clock.advance(3000);
  await running;
  return call.trace.map((step) => step.toLowerCase());
}

describe.skipIf(!inject("asterisk"))("the model's walk through the dialplan is Asterisk's own, where", () => {
  let pbx: Pbx;
  beforeAll(async () => {
    pbx = await Pbx.start();
  }, 180_000);
  afterAll(() => pbx?.stop());

  const setNext = (call: string, value: string): Promise<unknown> =>
    pbx.monitor.action({ Action: "Setvar", Channel: call, Variable: "SIDETONE_NEXT", Value: value });

  async function presence(): Promise<WebSocket> {
    const ask = { Context: "sidetone-presence", Exten: "s", Priority: "1", Async: "true", Timeout: "2000" };
    await pbx.monitor.action({ Action: "Originate", Channel: "WebSocket/INCOMING/c(slin)f(json)", ...ask });
    const channel = await pbx.monitor.event("presence channel", ({ Event, Channel }) =>
      Boolean(Event === "Newchannel" && Channel?.startsWith("WebSocket/")),
    );
    const variable = { Channel: channel.Channel ?? "", Variable: "MEDIA_WEBSOCKET_CONNECTION_ID" };
    const id = await pbx.monitor.action({ Action: "Getvar", ...variable });
    const socket = new WebSocket(`ws://127.0.0.1:${pbx.asterisk.ports.http}/media/${id.Value}`, "media");
    await pbx.monitor.event("presence in its group", ({ Event, Context, Application }) =>
      Boolean(Event === "Newexten" && Context === "sidetone-presence" && Application === "Wait"),
    );
    return socket;
  }

  /** One offer's fate on the real one. */
  async function suffer(fate: Fate, attempt: string): Promise<void> {
    const offer = await pbx.offer((event) => event.attempt === attempt);
    const call = offer.event.call ?? "";
    if (fate === "nobody takes it") return;
    if (fate === "refused") {
      await setNext(call, "menu");
      await pbx.monitor.action({ Action: "Hangup", Channel: offer.event.Channel ?? "" });
      return;
    }
    const worker = await pbx.take(offer, AGENT_HZ);
    if (fate !== "its worker dies") {
      await setNext(call, fate.replace("given back: ", ""));
      worker.stdin?.write("back\n");
    } else worker.kill("SIGKILL");
  }

  test.each(WALKS)("$name", async (walk) => {
    const expected = await modelled(walk);
    if (walk.up) await pbx.beat();
    else await pbx.beat(0);
    const other = walk.other ? await presence() : undefined;
    try {
      const caller = await pbx.call({ to: NUMBER });
      for (const [index, fate] of walk.fates.entries()) await suffer(fate, String(index + 1));
      await caller.hears(PROMPT_HZ.menu);
      const walked = (): string[] =>
        pbx.monitor.events
          .filter(({ Event, Channel }) => Event === "Newexten" && Channel?.startsWith("PJSIP/"))
          .map(({ Context, Extension, Priority, Application }) =>
            `${Context},${Extension},${Priority} ${Application}`.toLowerCase(),
          )
          .slice(0, expected.length);
      await expect.poll(walked, { timeout: 5000 }).toEqual(expected);
    } finally {
      other?.terminate();
      await pbx.settle();
    }
  });
});
