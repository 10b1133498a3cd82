import { expect, test } from "vitest";
import { OutsideError } from "../../../src/base/errors.ts";
import { type Log, silentLog } from "../../../src/base/log.ts";
import type { EslConnection } from "../../../src/engines/freeswitch/esl/connection.ts";
import { HostBeat } from "../../../src/engines/freeswitch/host-beat.ts";
import { VirtualClock } from "../../support/virtual-clock.ts";

const EPOCH = 1_795_719_566;
const NAME = "sidetone_until_10.77.1.2_8084";

function create({ host = "10.77.1.2", answer = async (_command: string) => `${EPOCH}\n` } = {}) {
  const clock = new VirtualClock();
  const said: string[] = [];
  const warned: string[] = [];
  const state = { wanted: true, connected: true };
  const api = async (command: string): Promise<string> => {
    const text = await answer(command);
    said.push(command);
    return text;
  };
  const log: Log = { ...silentLog, warn: (_fields, text) => void warned.push(String(text)) };
  const beat = new HostBeat({
    lend: { host, port: 8084 },
    connection: () => (state.connected ? ({ api } as unknown as EslConnection) : undefined),
    wanted: () => state.wanted,
    ...{ clock, log },
  });
  const over = new AbortController();
  return { clock, said, warned, state, over, running: beat.run(over.signal) };
}

test("another host says four times a second, in FreeSWITCH's own time, until when it is there", async () => {
  const { clock, said, over, running } = create();
  await clock.advance(900);
  expect(said).toEqual(
    Array(4)
      .fill(["strepoch", `global_setvar ${NAME}=${EPOCH + 2}`])
      .flat(),
  );
  over.abort();
  await running;
  expect(clock.pending).toBe(0);
});

test("it says nothing where new calls are not welcome, or nobody is connected", async () => {
  const { clock, said, state } = create();
  await clock.advance(100);
  state.wanted = false;
  await clock.advance(1000);
  state.wanted = true;
  state.connected = false;
  await clock.advance(1000);
  expect(said).toHaveLength(2);
  state.connected = true;
  await clock.advance(250);
  expect(said).toHaveLength(4);
});

test.each(["127.0.0.1", "localhost", "::1"])("on FreeSWITCH's own host nobody needs it: %s", async (host) => {
  const { clock, said, running } = create({ host });
  await running;
  await clock.advance(1000);
  expect(said).toEqual([]);
});

test("an address that is everybody's is none that the dialplan could have, and that is said", async () => {
  const { said, warned, running } = create({ host: "0.0.0.0" });
  await running;
  expect(said).toEqual([]);
  expect(warned).toEqual([
    "the dialplan cannot be told that this host is there: set engines.freeswitch.lend.host to its address",
  ]);
});

test("who may not say it is told so once, and tries on", async () => {
  let refusals = 0;
  const { clock, warned } = create({
    answer: async () => {
      refusals += 1;
      throw new OutsideError("refused", "no permission");
    },
  });
  await clock.advance(900);
  expect(refusals).toBe(4);
  expect(warned).toEqual(["the dialplan cannot be told that this host is there"]);
});
