import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { Pbx, PROMPT_HZ } from "./pbx.ts";

// 127.0.0.1, in a form that the dialplan takes for another host's.
const FAR = "2130706433";
const FARTHER = "0x7f000001";
const AGENT_HZ = 1_900;
const OTHER_HZ = 2_300;
const MENU_MS = 400;
/** The dialplan's timer has whole seconds. */
const HUNG_MS = 3_500;

/** A host that is dead: whoever connects to it waits, and is not refused. */
class Abyss implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #waiting: Socket[];

  private constructor(port: number, child: ChildProcess, waiting: Socket[]) {
    this.port = port;
    this.#child = child;
    this.#waiting = waiting;
  }

  static async open(): Promise<Abyss> {
    const program =
      "const s = require('net').createServer().listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => console.log(s.address().port))";
    const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "pipe", "inherit"] });
    const [line] = await once(child.stdout, "data");
    const port = Number(String(line));
    child.kill("SIGSTOP");
    const waiting: Socket[] = [];
    // Until its row is full.
    for (let full = false; !full; ) {
      const socket = connect({ port, host: "127.0.0.1" });
      socket.on("error", () => {});
      waiting.push(socket);
      full = await Promise.race([once(socket, "connect").then(() => false), systemClock.sleep(500).then(() => true)]);
    }
    return new Abyss(port, child, waiting);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#waiting) socket.destroy();
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}

let pbx: Pbx;
beforeAll(async () => {
  pbx = await Pbx.start();
});
afterEach(() => pbx.settle());
afterAll(() => pbx?.stop());

const socket = (...addresses: readonly string[]): Promise<string> =>
  pbx.freeswitch.cli(`global_setvar sidetone_socket=${addresses.join("|")}`);

/** What a Sidetone there says of itself; in seconds from now. */
async function holds(port: number, seconds: number, host = FAR): Promise<void> {
  const epoch = Number(await pbx.freeswitch.cli("strepoch"));
  await pbx.freeswitch.cli(`global_setvar sidetone_until_${host}_${port}=${epoch + seconds}`);
}

async function menuMs(): Promise<number> {
  const caller = await pbx.call();
  await caller.answered();
  return (await caller.hears(PROMPT_HZ.menu)) - caller.answeredAtMs;
}

describe("Sidetone on other hosts", () => {
  test("one that is dead, and has said that it was there: the menu at once", async () => {
    await using dead = await Abyss.open();
    await holds(dead.port, 0);
    await socket(`${FAR}:${dead.port}`);
    expect(await menuMs()).toBeLessThan(MENU_MS);
  });

  test("a dead one, and one that is there: that one, at once", async () => {
    const [port = 0] = pbx.lendPorts;
    await using dead = await Abyss.open();
    const other = await pbx.worker(OTHER_HZ, port);
    await holds(dead.port, -1);
    await holds(port, 60);
    await socket(`${FAR}:${dead.port}`, `${FAR}:${port}`);
    const caller = await pbx.call();
    await caller.answered();
    expect((await caller.hears(OTHER_HZ)) - caller.answeredAtMs).toBeLessThan(MENU_MS);
    expect(other.lent.map(({ attempt }) => attempt)).toEqual(["1"]);
  });

  test("one of which nothing is known is tried after all that are known to be there", async () => {
    const [port = 0] = pbx.lendPorts;
    await using unknown = await Abyss.open();
    await pbx.worker(OTHER_HZ, port);
    await socket(`${FAR}:${unknown.port}`, `127.0.0.1:${port}`);
    const caller = await pbx.call();
    await caller.hears(OTHER_HZ);
  });

  test("one that is silent in mid-call: another one that is there goes on, and where that is silent too, the menu", {
    timeout: 30_000,
  }, async () => {
    const [first = 0, second = 0] = pbx.lendPorts;
    // Workers in miniature never renew their two seconds: they hang.
    await pbx.worker(AGENT_HZ, first);
    const other = await pbx.worker(OTHER_HZ, second);
    // The time that the first one has named is not over when it is found to be silent.
    await holds(first, 60);
    await holds(second, 60, FARTHER);
    await socket(`${FAR}:${first}`, `${FARTHER}:${second}`);
    const caller = await pbx.call();
    await caller.hears(AGENT_HZ);
    const sinceMs = systemClock.now();
    const againMs = await caller.hears(OTHER_HZ, sinceMs);
    expect(againMs - sinceMs).toBeLessThan(HUNG_MS);
    expect(other.lent.map(({ attempt }) => attempt)).toEqual(["2"]);
    expect((await caller.hears(PROMPT_HZ.menu, againMs)) - againMs).toBeLessThan(HUNG_MS);
  });

  test("one that is silent in mid-call, and no other: the menu", async () => {
    const [port = 0] = pbx.lendPorts;
    const worker = await pbx.worker(AGENT_HZ, port);
    await holds(port, 2);
    await socket(`${FAR}:${port}`, "127.0.0.1:9");
    const caller = await pbx.call();
    await caller.hears(AGENT_HZ);
    const sinceMs = systemClock.now();
    expect((await caller.hears(PROMPT_HZ.menu, sinceMs)) - sinceMs).toBeLessThan(HUNG_MS);
    expect(worker.lent).toHaveLength(1);
  });
});
