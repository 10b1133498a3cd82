import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { type Running, until, watchEngine } from "../asterisk/support.ts";
import { SALES_HZ } from "../contract.ts";
import { RealFreeswitch } from "../real-freeswitch.ts";
import { SipPhone } from "../sip-phone.ts";
import { AGENT_HZ, speakForEver } from "./speaker.ts";
import { hears, packets } from "./talk.ts";

// A colleague of the house transfers a caller with the key of an ordinary phone (REFER, and REFER with Replaces).
/** Longer than any timer that could pull the caller away. */
const LONG_PACKETS = 160;
const CALLER_HZ = 700;
const COLLEAGUE_HZ = 1200;

const pbx = new RealFreeswitch("auto");
let desk: Running;
const phones: SipPhone[] = [];

beforeAll(() => pbx.start());
afterAll(() => pbx.stop());
beforeEach(async () => {
  desk = watchEngine(pbx.createEngine());
  await until(() => desk.engine.health.state === "connected", "the connection");
});
afterEach(async () => {
  for (const phone of phones.splice(0)) phone.hangUp();
  await desk.stop();
  await pbx.pbx.cli("hupall");
  // The next one asks FreeSWITCH's list of channels for its own.
  await expect.poll(() => pbx.pbx.cli("show channels count"), { timeout: 8000 }).toMatch(/^\s*0 total/m);
});

async function dialled(from: string, to: string): Promise<SipPhone> {
  const { trunkHost, ports } = pbx.pbx;
  const at = { port: ports.trunk, host: trunkHost, pbx: trunkHost };
  const phone = await SipPhone.dial({ ...at, from, fromName: from, to, codec: "ulaw" });
  phones.push(phone);
  expect(await phone.answered).toBe(200);
  return phone;
}

/** The channel of whoever called from this number. FreeSWITCH's list of them is a moment late. */
async function channelOf(from: string): Promise<string> {
  let found = "";
  await expect
    .poll(async () => {
      const list = JSON.parse(await pbx.pbx.cli("show channels as json")) as {
        rows?: { uuid: string; name: string }[];
      };
      found = list.rows?.find(({ name }) => name.includes(`/${from}@`))?.uuid ?? "";
      return found;
    })
    .not.toBe("");
  return found;
}

/** A caller and a colleague who talk with each other. Sidetone is no part of it. */
async function talkingTogether(): Promise<{ caller: SipPhone; colleague: SipPhone }> {
  const [caller, colleague] = [await dialled("100", "kept"), await dialled("200", "kept")];
  expect(await pbx.pbx.cli(`uuid_bridge ${await channelOf("100")} ${await channelOf("200")}`)).toMatch(/^\+OK/);
  caller.line.say(CALLER_HZ, 20_000);
  colleague.line.say(COLLEAGUE_HZ, 20_000);
  await Promise.all([hears(caller, COLLEAGUE_HZ, "the colleague"), hears(colleague, CALLER_HZ, "the caller")]);
  return { caller, colleague };
}

/** Whoever comes next is answered by an agent that never pauses. */
async function agentAnswers(): Promise<{ from: string; ended: AbortSignal }> {
  const leg = await desk.nextLeg();
  const media = await leg.openMedia();
  void speakForEver(media, leg.signal);
  return { from: leg.from, ended: leg.signal };
}

/** The caller hears the agent now, and three seconds later. */
async function staysWithTheAgent(caller: SipPhone): Promise<void> {
  await hears(caller, AGENT_HZ, "the agent");
  await packets(caller, LONG_PACKETS);
  await hears(caller, AGENT_HZ, "the agent, later");
}

test("a colleague sends his caller to the agent and hangs up: the caller has the agent, and keeps it", async () => {
  const { caller, colleague } = await talkingTogether();
  const answering = agentAnswers();
  colleague.refer(pbx.number);
  const leg = await answering;
  expect(leg.from).toBe("100");
  colleague.hangUp();
  await staysWithTheAgent(caller);
  expect(leg.ended.aborted).toBe(false);
});

test("a colleague asks the agent first, and then puts his caller through: the caller has the agent, and keeps it", async () => {
  const { caller, colleague } = await talkingTogether();
  const first = agentAnswers();
  const asking = await dialled("200", pbx.number);
  await first;
  await hears(asking, AGENT_HZ, "the agent");
  const answering = agentAnswers();
  colleague.refer(pbx.number, asking);
  const leg = await answering;
  expect(leg.from).toBe("100");
  await staysWithTheAgent(caller);
  expect(leg.ended.aborted).toBe(false);
  await until(() => colleague.notified.some((line) => line.includes("200")), "the news that it was done");
});

test("a colleague asks the agent, and then sends the caller to sales instead: the agent's call ends alone", async () => {
  const { caller, colleague } = await talkingTogether();
  const first = agentAnswers();
  const asking = await dialled("200", pbx.number);
  const { ended } = await first;
  await hears(asking, AGENT_HZ, "the agent");
  asking.hangUp();
  await until(() => ended.aborted, "the end of the agent's call");
  colleague.refer("sales");
  await hears(caller, SALES_HZ, "sales");
  await packets(caller, LONG_PACKETS);
  await hears(caller, SALES_HZ, "sales, later");
});
