import { expect, test } from "vitest";
import { createRetransmission } from "../../src/caller/sip-retransmission.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const request = (method: string, branch = "z9hG4bKa"): string =>
  `${method} sip:100@pbx SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;branch=${branch};rport\r\nCSeq: 1 ${method}\r\n\r\n`;
const response = (status: number, method: string, branch = "z9hG4bKa"): string =>
  `SIP/2.0 ${status} x\r\nVia: SIP/2.0/UDP 127.0.0.1:5070;rport=5070;branch=${branch}\r\nCSeq: 1 ${method}\r\n\r\n`;

function wire() {
  const clock = new VirtualClock();
  const sent: string[] = [];
  const again = createRetransmission({
    clock,
    transmit: (text) => sent.push(`${clock.now()} ${text.split(" ", 2).join(" ").replace(" sip:100@pbx", "")}`),
  });
  return { clock, sent, again };
}

test("an INVITE is repeated at doubling intervals until anything comes back", async () => {
  const { clock, sent, again } = wire();
  again.send(request("INVITE"));
  await clock.advance(4_000);
  expect(sent).toEqual(["0 INVITE", "500 INVITE", "1500 INVITE", "3500 INVITE"]);
  expect(again.received(response(100, "INVITE"))).toBe(true);
  await clock.advance(40_000);
  expect(sent).toHaveLength(4);
  expect(clock.pending).toBe(0);
});

test("a BYE is repeated at most every 4 s, and given up after 32 s", async () => {
  const { clock, sent, again } = wire();
  again.send(request("BYE"));
  await clock.advance(60_000);
  expect(sent.map((line) => Number(line.split(" ")[0]))).toEqual([
    0, 500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500,
  ]);
  expect(clock.pending).toBe(0);
});

test("a refusal that comes again is acknowledged again, and not told twice", () => {
  const { sent, again } = wire();
  again.send(request("INVITE"));
  expect(again.received(response(486, "INVITE"))).toBe(true);
  again.send(request("ACK"));
  expect(again.received(response(486, "INVITE"))).toBe(false);
  expect(sent).toEqual(["0 INVITE", "0 ACK", "0 ACK"]);
});

test("a request of the PBX that comes again is answered from memory", () => {
  const { sent, again } = wire();
  expect(again.received(request("BYE", "z9hG4bKtheirs"))).toBe(true);
  again.send(response(200, "BYE", "z9hG4bKtheirs"));
  expect(again.received(request("BYE", "z9hG4bKtheirs"))).toBe(false);
  expect(sent).toEqual(["0 SIP/2.0 200", "0 SIP/2.0 200"]);
});

test("our refusal is repeated until it is acknowledged", async () => {
  const { clock, sent, again } = wire();
  again.received(request("INVITE", "z9hG4bKtheirs"));
  again.send(response(486, "INVITE", "z9hG4bKtheirs"));
  await clock.advance(600);
  expect(again.received(request("ACK", "z9hG4bKtheirs"))).toBe(true);
  await clock.advance(40_000);
  expect(sent).toEqual(["0 SIP/2.0 486", "500 SIP/2.0 486"]);
  again.close();
  expect(clock.pending).toBe(0);
});
