import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { silentLog } from "../../../src/base/log.ts";
import { AmiClient } from "../../../src/engines/asterisk/ami.ts";
import { type AmiMessage, AmiReader } from "../../../src/engines/asterisk/ami-reader.ts";
import { FakeAmi } from "../../fakes/asterisk/fake-ami.ts";
import { until } from "./support.ts";

const GREETING = "Asterisk Call Manager/11.0.0\r\n";

describe("reading", () => {
  const read = (chunks: readonly string[]): { messages: AmiMessage[]; fault: string | undefined } => {
    const reader = new AmiReader();
    const messages: AmiMessage[] = [];
    let fault: string | undefined;
    for (const chunk of chunks) fault ??= reader.push(Buffer.from(chunk), (message) => messages.push(message));
    return { messages, fault };
  };

  test("messages come out whole, however they were cut", () => {
    const text = `${GREETING}Response: Success\r\nActionID: 1\r\nMessage: a: b\r\n\r\nEvent: X\r\n\r\n`;
    const expected = [{ response: "Success", actionid: "1", message: "a: b" }, { event: "X" }];
    expect(read([text]).messages).toEqual(expected);
    expect(read([...text]).messages).toEqual(expected);
  });

  test("what is no Asterisk, or has no end, is refused", () => {
    expect(read(["SSH-2.0-OpenSSH\r\n"]).fault).toContain("no Asterisk");
    expect(read([GREETING, "x".repeat(70_000)]).fault).toContain("without an end");
    expect(read([GREETING, "a: b\r\n".repeat(3000)]).fault).toContain("without an end");
  });

  test("a large answer is read in linear time", () => {
    const lines = Array.from({ length: 1900 }, (_, index) => `F${index}: ${"x".repeat(1000)}\r\n`).join("");
    const bytes = Buffer.from(`${GREETING}${lines}\r\n`);
    const reader = new AmiReader();
    const messages: AmiMessage[] = [];
    const before = performance.now();
    for (let at = 0; at < bytes.length; at += 100)
      reader.push(bytes.subarray(at, at + 100), (message) => messages.push(message));
    expect(messages).toHaveLength(1);
    expect(performance.now() - before).toBeLessThan(1000);
  });
});

describe("a connection", () => {
  let ami: FakeAmi;
  let client: AmiClient;
  let stop: () => Promise<void>;

  beforeEach(async () => {
    ami = new FakeAmi(
      () => "right",
      (action) => {
        if (action === "Fail") throw new Error("No such channel");
        return { Message: "ok" };
      },
    );
    await ami.start();
    const options = { host: "127.0.0.1", port: ami.port, user: "sidetone", password: "right", tunnelled: false };
    client = new AmiClient({ options, clock: systemClock, log: silentLog });
    const abort = new AbortController();
    const running = client.run(abort.signal);
    stop = async () => {
      abort.abort();
      await running;
    };
    await until(() => client.connected, "the login");
  });
  afterEach(async () => {
    await stop();
    await ami.stop();
  });

  test("answers find their questions", async () => {
    const answers = await Promise.all([client.action("One"), client.action("Two"), client.action("Three")]);
    expect(answers.map(({ message }) => message)).toEqual(["ok", "ok", "ok"]);
    await expect(client.action("Fail")).rejects.toMatchObject({
      code: "refused",
      message: expect.stringContaining("No such channel"),
    });
  });

  test.each(["sales\r\nAction: Originate", "a\nb", "a\rb", "a\0b"])(
    "a line break in a value is not sent: %j",
    async (value) => {
      const before = ami.actions.length;
      await expect(client.setVariable("1.1", "X", value)).rejects.toMatchObject({ code: "invalid" });
      await client.action("Ping");
      expect(ami.actions.slice(before).map(({ action }) => action)).toEqual(["Ping"]);
    },
  );

  test("what was asked when the connection is lost is rejected, and the next is taken again", async () => {
    ami.cut();
    await expect(client.action("Ping").then(() => client.action("Ping"))).rejects.toMatchObject({ code: "closed" });
    await until(() => client.connected, "the next login");
    await client.action("Ping");
  });

  test("it logs in without events", () => {
    expect(ami.actions[0]?.fields).toMatchObject({ Action: "Login", Events: "off" });
  });
});
