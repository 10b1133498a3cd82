import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodedHead, EslEvent } from "../../../../src/engines/freeswitch/esl/event.ts";
import { type EslMessage, EslReader } from "../../../../src/engines/freeswitch/esl/reader.ts";
import { type CaptureName, saidIn } from "./captures.ts";

const NAMES: readonly CaptureName[] = [
  "inbound_plain",
  "outbound_async_full_plain",
  "outbound_async_full_json_caller_hangup",
  "outbound_errors",
];

function read(pieces: Iterable<Buffer>, reader = new EslReader()): { messages: EslMessage[]; fault?: string } {
  const messages: EslMessage[] = [];
  for (const piece of pieces) {
    const fault = reader.push(piece, (message) => messages.push(message));
    if (fault) return { messages, fault };
  }
  return { messages };
}

const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const sorted = [0, ...places.map((place) => place % bytes.length).sort((a, b) => a - b), bytes.length];
  return sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
};

/** The whole of it at once, by the protocol's own words and nothing else. */
function plainly(bytes: Buffer): { head: string; body: string }[] {
  const found: { head: string; body: string }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const end = bytes.indexOf("\n\n", at);
    const head = bytes.toString("utf8", at, end);
    const length = Number(/^Content-Length: (\d+)$/m.exec(head)?.[1] ?? 0);
    found.push({ head, body: bytes.toString("utf8", end + 2, end + 2 + length) });
    at = end + 2 + length;
  }
  return found;
}

describe.each(NAMES)("the session %s", (name) => {
  const bytes = saidIn(name);
  const whole = read([bytes]).messages;

  test("is read as its own lengths say", () => {
    const plain = plainly(bytes);
    expect(whole.length).toBeGreaterThan(5);
    expect(whole.map(({ body }) => body)).toEqual(plain.map(({ body }) => body));
    for (const [index, { head }] of whole.entries())
      expect([...head].map(([key, value]) => `${key}: ${value}`).join("\n")).toBe(plain[index]?.head);
  });

  test("is the same messages wherever the network cuts it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(bytes.length), { maxLength: 40 }), (places) => {
        expect(read(cut(bytes, places)).messages).toEqual(whole);
      }),
      { numRuns: 60 },
    );
  });

  test("is the same messages byte by byte", () => {
    expect(read([...bytes].map((_, index) => bytes.subarray(index, index + 1))).messages).toEqual(whole);
  });
});

describe("what is decoded", () => {
  test("is the reply to connect, and no other reply", () => {
    const [connect, linger] = read([saidIn("outbound_async_full_plain")]).messages;
    const data = decodedHead(connect?.head ?? new Map());
    expect(connect?.head.get("Reply-Text")).toBe("%2BOK%0A");
    expect(data.get("Reply-Text")).toBe("+OK\n");
    expect(data.get("variable_sip_full_from")).toBe('"Caller" <sip:1234@127.0.0.1>;tag=36694585f75c');
    expect(data.get("variable_switch_r_sdp")).toContain("\r\nm=audio ");
    expect(linger?.head.get("Reply-Text")).toBe("+OK will linger 5 seconds");
  });

  test("are the headers of plain events, and nothing in JSON ones", () => {
    const events = (name: CaptureName) =>
      read([saidIn(name)]).messages.flatMap((message) => EslEvent.of(message) ?? []);
    const plain = events("outbound_async_full_plain");
    const json = events("outbound_async_full_json_caller_hangup");
    expect([plain.length, json.length]).toEqual([expect.any(Number), expect.any(Number)]);
    for (const event of [...plain, ...json]) {
      expect(event.name).toMatch(/^[A-Z_]+$/);
      expect(event.get("Channel-Name")).toBe("sofia/internal/1234@127.0.0.1");
      // One by one and all at once are the same.
      const { name } = event;
      const date = event.get("Event-Date-Local");
      expect([event.entries().get("Event-Name"), event.entries().get("Event-Date-Local")]).toEqual([name, date]);
    }
    expect(plain.filter(({ name }) => name === "DTMF").map((event) => event.get("DTMF-Digit"))).toContain("1");
  });

  test("is a value with a colon, or with something that only looks like an end or a header", () => {
    const event = new EslEvent("Event-Name: CUSTOM\nA: x%3A y: z\nB: 1%0A%0AC: 2\nEmpty: \n\nC: body\n\nmore", "plain");
    expect(event.get("A")).toBe("x: y: z");
    expect(event.get("B")).toBe("1\n\nC: 2");
    expect([event.get("C"), event.get("Empty"), event.get("Missing")]).toEqual(["", "", ""]);
    expect(event.body).toBe("C: body\n\nmore");
  });

  test("is a name in any letters, also of a trunk that knows no UTF-8", () => {
    const names = new EslEvent("Event-Name: X\nA: J%C3%BCrgen %22O'Neill%22, %E4%B8%AD\nB: J%FCrgen 100%", "plain");
    expect(names.get("A")).toBe('Jürgen "O\'Neill", 中');
    expect(names.get("B")).toBe("Jürgen 100%");
  });

  test("is nothing of what is no JSON, and a list as plain events have it", () => {
    expect(new EslEvent("{nonsense", "json").name).toBe("");
    expect(new EslEvent('["a"]', "json").get("0")).toBe("a");
    const event = new EslEvent('{"Event-Name":"X","L":["a","b"],"_body":"text","n":1}', "json");
    expect([event.name, event.get("L"), event.body, event.get("n")]).toEqual(["X", "ARRAY::a|:b", "text", ""]);
  });
});

describe("limits", () => {
  const message = (length: string, body = "") => Buffer.from(`Content-Type: x\nContent-Length: ${length}\n\n${body}`);

  test("a body above the limit, a length that is none and a head without an end are refused", () => {
    const reader = () => new EslReader({ maxBodyBytes: 10 });
    expect(read([message("10", "0123456789")], reader()).messages).toHaveLength(1);
    expect(read([message("11")], reader()).fault).toMatch(/11 bytes/);
    expect(read([message("-1")]).fault).toMatch(/no number/);
    expect(read([message("1e3")]).fault).toMatch(/no number/);
    const endless = Array.from({ length: 300 }, () => Buffer.alloc(1024, "x"));
    expect(read(endless).fault).toMatch(/without an end/);
    expect(read([Buffer.concat([...endless, Buffer.from("\n\n")])]).fault).toMatch(/too long/);
  });

  test("somebody else's protocol is named", () => {
    expect(read([Buffer.from("HTTP/1.1 400 Bad Request\r\nServer: x\n\n")]).fault).toMatch(/no FreeSWITCH/);
  });

  test("a long body in small pieces costs what it costs in one: every byte is looked at once", () => {
    const body = Buffer.alloc(4 * 1024 * 1024, "x");
    const bytes = Buffer.concat([message(String(body.length)), body]);
    const pieces = Array.from({ length: bytes.length / 64 }, (_, index) =>
      bytes.subarray(index * 64, (index + 1) * 64),
    );
    // By concatenation this would copy 137 GB.
    expect(read([...pieces, bytes.subarray(pieces.length * 64)]).messages[0]?.body.length).toBe(body.length);
  });
});
