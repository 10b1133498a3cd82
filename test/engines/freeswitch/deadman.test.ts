import { expect, test } from "vitest";
import { Deadman, fuseIn, isPlace } from "../../../src/engines/freeswitch/deadman.ts";
import type { EslConnection } from "../../../src/engines/freeswitch/esl/connection.ts";
import { EslEvent } from "../../../src/engines/freeswitch/esl/event.ts";
import { Fuses } from "../../../src/engines/freeswitch/fuses.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const UUID = "765c6c2b-4c42-4602-9618-ae5723fbae6e";
const TICKET = "5d3a1f0c-0000-4000-8000-000000000001";
const LENT = `\${cond(t\${variable_sidetone_ticket} == t${TICKET} ? ${UUID} : none)}`;
const LIGHT = `api expand uuid:${UUID} sched_transfer +2 ${LENT} sidetone-hung XML sidetone`;

function create(known: Iterable<string> = ["1"], ticket = TICKET) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const connection = {
    together: async (lines: readonly string[]) => void said.push(lines.join(" + ")),
    command: async (line: string) => void said.push(line),
  } as unknown as EslConnection;
  const deadman = new Deadman({ uuid: UUID, ticket, place: "sidetone-hung XML sidetone", connection, clock, known });
  return { clock, said, deadman };
}

const scheduled = (fields: Record<string, string>): EslEvent =>
  new EslEvent(
    Object.entries({
      "Event-Name": "ADD_SCHEDULE",
      "Task-Desc": "switch_ivr_schedule_transfer",
      "Task-Group": UUID,
      ...fields,
    })
      .map(([name, value]) => `${name}: ${value}`)
      .join("\n"),
    "plain",
  );

test("a call is never without a timer: the new one is lit before the old one is put out", async () => {
  const { clock, said, deadman } = create();
  await clock.advance(500);
  expect(said).toEqual([LIGHT]);
  deadman.lit("2");
  expect(said).toEqual([LIGHT, "api sched_del 1"]);
  await clock.advance(500);
  deadman.lit("3");
  // Both connections tell of it.
  deadman.lit("3");
  deadman.lit("2");
  expect(said.slice(2)).toEqual([LIGHT, "api sched_del 2"]);
  expect(deadman.stop()).toEqual(["api sched_del 3"]);
  await clock.advance(5000);
  expect(said).toHaveLength(4);
});

test("the dialplan's own timer, which is old in whole seconds, is renewed long before it can fire", async () => {
  const { clock, said } = create();
  await clock.advance(150);
  expect(said).toEqual([LIGHT]);
});

test("where the dialplan's own timer was never told of, all of the call's go in one piece with the new one, once", async () => {
  const { clock, said } = create([]);
  await clock.advance(500);
  expect(said).toEqual([`api expand uuid:${UUID} sched_del ${LENT} + ${LIGHT}`]);
  await clock.advance(500);
  expect(said[1]).toBe(LIGHT);
});

test("one that was lit a moment before the end is put out when it has a name, and nobody else's are", async () => {
  const { clock, said, deadman } = create();
  await clock.advance(500);
  expect(deadman.stop()).toEqual(["api sched_del 1"]);
  await clock.advance(20);
  deadman.lit("2");
  expect(said.at(-1)).toBe("api sched_del 2");
  // Those of whoever has the call now.
  for (const id of ["3", "4"]) deadman.lit(id);
  expect(said.at(-1)).toBe("api sched_del 2");
});

test("on a line that was stuck several are lit at once, and put out, as long as they may be its own", async () => {
  const { clock, said, deadman } = create();
  await clock.advance(1500);
  deadman.stop();
  deadman.lit("2");
  deadman.lit("3");
  expect(said.slice(-2)).toEqual(["api sched_del 2", "api sched_del 3"]);
  await clock.advance(300);
  deadman.lit("4");
  expect(said.at(-1)).toBe("api sched_del 3");
});

test.each(["", "x y", "a\nb"])("a dialplan without a ticket has its timer all the same: %j", async (ticket) => {
  const { clock, said } = create(["1"], ticket);
  await clock.advance(150);
  expect(said).toEqual([`api sched_transfer +2 ${UUID} sidetone-hung XML sidetone`]);
});

test("other people's timers are none of it: their hang-ups, their transfers in an hour", () => {
  const now = 1_795_347_393_000;
  const soon = { "Task-ID": "7", "Task-Runtime": String(now / 1000 + 2) };
  expect(fuseIn(scheduled(soon), now)).toEqual({ id: "7", uuid: UUID });
  expect(fuseIn(scheduled({ ...soon, "Task-Desc": "switch_ivr_schedule_hangup" }), now)).toBeUndefined();
  expect(fuseIn(scheduled({ ...soon, "Task-Runtime": String(now / 1000 + 3600) }), now)).toBeUndefined();
  expect(fuseIn(scheduled({ ...soon, "Task-ID": "7\n8" }), now)).toMatchObject({ id: "7" });
  expect(fuseIn(scheduled({ ...soon, "Task-ID": "x" }), now)).toBeUndefined();
});

test("the place where it leads is an extension of the dialplan, and nothing else", () => {
  expect(["sidetone-hung XML sidetone", "menu XML default.pbx"].map(isPlace)).toEqual([true, true]);
  expect(["", "menu", "a b c d", "menu XML x\napi system y", "-1 'x y' z"].map(isPlace)).toEqual(Array(5).fill(false));
});

test("timers of calls that never come are forgotten", () => {
  const fuses = new Fuses();
  for (let call = 0; call < 3000; call++) fuses.lit({ uuid: String(call), id: "1" });
  fuses.lit({ uuid: "2999", id: "2" });
  expect([...fuses.take("2999")]).toEqual(["1", "2"]);
  expect([fuses.take("2999").size, fuses.take("0").size]).toEqual([0, 0]);
});
