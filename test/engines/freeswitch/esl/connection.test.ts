import { once } from "node:events";
import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../../src/base/clock.ts";
import { EslConnection } from "../../../../src/engines/freeswitch/esl/connection.ts";
import type { EslEvent } from "../../../../src/engines/freeswitch/esl/event.ts";
import { until } from "../../asterisk/support.ts";
import { plainEvent, reply, response, Talker } from "./loopback.ts";

let talker: Talker;
let events: EslEvent[];
let notices: string[];
let onEvent: (event: EslEvent) => void;

beforeEach(async () => {
  talker = new Talker();
  events = [];
  notices = [];
  onEvent = (event) => events.push(event);
  await talker.listen();
});
afterEach(() => talker.close());

async function open(): Promise<EslConnection> {
  const socket = connect(talker.port, "127.0.0.1");
  const connection = new EslConnection({
    socket,
    clock: systemClock,
    onEvent: (event) => onEvent(event),
    onNotice: ({ type }) => notices.push(type),
  });
  await once(socket, "connect");
  return connection;
}

describe("commands", () => {
  test("get their answers in order, though events come in between", async () => {
    talker.answer = (command, socket) => {
      socket.write(plainEvent(`Event-Name: DTMF\nDTMF-Digit: ${command.length}\n\n`));
      socket.write(command.startsWith("api") ? response(`${command.slice(4)}!`) : reply(`+OK ${command}`));
    };
    const connection = await open();
    const answers = [connection.order("linger 5"), connection.api("one"), connection.order("b"), connection.api("two")];
    expect(await Promise.all(answers)).toEqual(["linger 5", "one!", "b", "two!"]);
    expect(events).toHaveLength(4);
    expect(connection.pending).toBe(0);
    connection.close();
  });

  test("that FreeSWITCH refuses are rejected with its reason, and without their values", async () => {
    talker.answer = (command, socket) =>
      void socket.write(
        command.startsWith("api") ? response("-ERR No such channel!\n") : reply("-ERR command not found"),
      );
    const connection = await open();
    await expect(connection.api("uuid_kill 17")).rejects.toThrow(/refused api uuid_kill|uuid_kill.*No such channel/);
    await expect(connection.order("auth secret")).rejects.toThrow("FreeSWITCH refused auth: -ERR command not found");
    await expect(connection.order("auth secret")).rejects.not.toThrow(/secret/);
    connection.close();
  });

  test("with a line break in a value are not sent", async () => {
    const connection = await open();
    for (const value of ["a\nb", "a\r", "a\0b"]) {
      await expect(connection.sendmsg({ "execute-app-arg": value })).rejects.toMatchObject({ code: "invalid" });
      await expect(connection.command(`api x ${value}`)).rejects.toMatchObject({ code: "invalid" });
    }
    connection.close();
    expect(talker.heard).toEqual([]);
  });

  test("have a deadline, and an answer that comes after it is not taken for the next one's", async () => {
    const connection = await open();
    await expect(connection.command("slow", { ms: 30 })).rejects.toMatchObject({ code: "timeout" });
    const next = connection.order("next");
    await until(() => talker.heard.length === 2, "both commands");
    talker.sockets[0]?.write(reply("+OK late") + reply("+OK mine"));
    expect(await next).toBe("mine");
    connection.close();
  });

  test("that wait when the connection is lost are rejected, and so is what comes after", async () => {
    const connection = await open();
    const waiting = [connection.order("a"), connection.api("b"), connection.background("c")];
    await until(() => talker.heard.length === 3, "the commands");
    talker.sockets[0]?.destroy();
    for (const end of await Promise.allSettled(waiting))
      expect(end).toMatchObject({ status: "rejected", reason: { code: "closed" } });
    await expect(connection.order("d")).rejects.toMatchObject({ code: "closed" });
  });

  test("run in the background are told apart by their ids", async () => {
    const jobs: string[] = [];
    talker.answer = (command, socket) => {
      const id = /Job-UUID: (\S+)/.exec(command)?.[1] ?? "";
      jobs.push(id);
      socket.write(reply(`+OK Job-UUID: ${id}`));
      if (jobs.length < 2) return;
      for (const [index, job] of [...jobs.entries()].reverse()) {
        const body = index === 0 ? "first\n" : "-ERR no\n";
        const head = `Event-Name: BACKGROUND_JOB\nJob-UUID: ${job}\nContent-Length: ${body.length}\n\n`;
        socket.write(plainEvent(head + body));
      }
    };
    const connection = await open();
    const [first, second] = await Promise.allSettled([connection.background("a"), connection.background("b")]);
    expect(first).toMatchObject({ value: "first\n" });
    expect(second).toMatchObject({ reason: { code: "refused" } });
    connection.close();
  });

  test("that belong together cross in one piece", async () => {
    talker.answer = (_, socket) => void socket.write(reply("+OK"));
    const connection = await open();
    const pieces: number[] = [];
    talker.sockets[0]?.on("data", (data) => pieces.push(data.toString().split("\n\n").length - 1));
    await connection.together(["api a", "api b"]);
    expect(pieces).toEqual([2]);
    connection.close();
  });
});

describe("the other side", () => {
  test("that speaks no Event Socket is left", async () => {
    const connection = await open();
    talker.sockets[0]?.write("HTTP/1.1 200 OK\r\nX: y\n\n");
    await until(() => connection.closed.aborted, "the end");
    expect(connection.closed.reason).toMatchObject({ code: "protocol" });
  });

  test("whose events we cannot bear costs this connection and nothing else", async () => {
    onEvent = () => {
      throw new Error("broken, on purpose");
    };
    const connection = await open();
    talker.sockets[0]?.write(plainEvent("Event-Name: X\n\n"));
    await until(() => connection.closed.aborted, "the end");
    expect(connection.closed.reason).toMatchObject({ message: "broken, on purpose" });
  });

  test("is told that we leave, and its notices are heard: first of lingering, later of the end", async () => {
    const connection = await open();
    const notice = (disposition: string) =>
      `Content-Type: text/disconnect-notice\nContent-Disposition: ${disposition}\nContent-Length: 0\n\n`;
    talker.sockets[0]?.write(notice("linger") + notice("disconnect"));
    await until(() => notices.length === 2, "two notices");
    connection.leave();
    await until(() => talker.heard.includes("exit"), "exit");
    connection.close();
    connection.close();
  });
});
