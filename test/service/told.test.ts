import { execFile, spawn } from "node:child_process";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { join, resolve } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { closeLostRecords } from "../../src/store/records.ts";
import { Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";
import { ToldCalls } from "./told-call.ts";

const KEY = Buffer.alloc(32, 7);
const SECRET = `whsec_${KEY.toString("base64")}`;
const LAUNCHER = resolve(import.meta.dirname, "../../bin/sidetone");
const FORM = `outcome: {fields: {reason: {type: choice, about: Why., choices: [appointment, question], required: true}}}
webhook: crm
`;
/** What the command line itself takes for sound. */
const SHIPPED_ENGINES = "engines: {asterisk: {ari: {password: x}, ami: {password: y}}}\n";
const SHIPPED_AGENT = SOUND_AGENT.replace(
  "script:",
  "script:\n  intents: [{name: a, phrases: [open], answer: Always.}]",
);

interface Message {
  readonly id: string;
  readonly signed: boolean;
  readonly body: { readonly type: string; readonly data: Readonly<Record<string, unknown>> };
}

/** A receiver of webhooks. It answers nothing while it is `stuck`. */
class Receiver {
  readonly server: Server = createServer();
  readonly messages: Message[] = [];
  stuck = false;
  #more: () => void = () => {};

  async start(): Promise<string> {
    this.server.on("request", async (request, response) => {
      const { "webhook-id": id, "webhook-timestamp": at, "webhook-signature": given } = request.headers;
      const body = await text(request);
      const signature = createHmac("sha256", KEY).update(`${id}.${at}.${body}`).digest("base64");
      this.messages.push({ id: String(id), signed: given === `v1,${signature}`, body: JSON.parse(body) });
      if (!this.stuck) response.writeHead(204).end();
      this.#more();
    });
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    const address = this.server.address();
    return `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}/calls`;
  }

  async message(nth: number): Promise<Message> {
    for (;;) {
      const message = this.messages[nth];
      if (message) return message;
      await new Promise<void>((resolve) => {
        this.#more = resolve;
      });
    }
  }
}

let receiver: Receiver;
let folder: Folder;
beforeEach(async () => {
  receiver = new Receiver();
  const url = await receiver.start();
  const rest = `server: {port: 0}\nstateDir: state\ncacheDir: cache\nrecords: {dir: records}\n`;
  folder = new Folder({
    "sidetone.yaml": `${SOUND_SERVICE}${rest}webhooks: {crm: {url: "${url}", secret: {env: HOOK}}}\n`,
    "agents/reception.yaml": SOUND_AGENT + FORM,
    "shown.yaml": `${SHIPPED_ENGINES}agents: shipped\nrecords: {dir: records}\n`,
    "shipped/reception.yaml": SHIPPED_AGENT,
  });
});
afterEach(() => {
  receiver.server.closeAllConnections();
  receiver.server.close();
  folder[Symbol.dispose]();
});

/** `sidetone cdr show`, as an administrator asks for it. */
async function shown(call: unknown): Promise<string> {
  const args = ["cdr", "show", String(call), "--config", join(folder.path, "shown.yaml")];
  return (await promisify(execFile)(LAUNCHER, args)).stdout;
}

const OUTCOME = {
  ...{ state: "complete", summary: "An appointment on Monday.", fields: { reason: "appointment" }, problems: [] },
};

describe("a call that has ended", { timeout: 120_000 }, () => {
  test("is told with what it came to, signed, and `cdr show` has the same", async () => {
    await using calls = await new ToldCalls().start(folder.file, SECRET);
    await calls.call(AbortSignal.timeout(20_000));
    const { signed, body } = await receiver.message(0);
    expect(signed).toBe(true);
    expect(body).toMatchObject({ type: "call.ended", data: { agent: "reception", turns: 2, outcome: OUTCOME } });
    const text = await shown(body.data.call);
    expect(text).toContain("caller: I need an appointment\n");
    expect(text).toContain("An appointment on Monday.");
    expect(text).toMatch(/reason\s+appointment/);
    expect(receiver.messages).toHaveLength(1);
  });

  test("is told by the next worker when its own is killed while the receiver has not answered, under the same id", async () => {
    receiver.stuck = true;
    const first = await killed(false, () => receiver.message(0));
    receiver.stuck = false;
    await using _next = await new ToldCalls().start(folder.file, SECRET);
    const again = await receiver.message(1);
    expect(again).toMatchObject({ id: first.id, signed: true, body: { data: { outcome: OUTCOME } } });
    expect(again.body.data.call).toBe(first.body.data.call);
  });

  test("is told once, and without what it came to, when its worker is killed before that is known", async () => {
    const dir = join(folder.path, "records");
    await killed(true, () => written(dir, 2));
    expect(receiver.messages).toEqual([]);
    // As the supervisor does when a worker has died.
    await closeLostRecords({ dir, clock: systemClock, log: silentLog, onFailure: () => {} });
    await using _next = await new ToldCalls().start(folder.file, SECRET);
    const { signed, body } = await receiver.message(0);
    expect(signed).toBe(true);
    expect(body.data).toMatchObject({ turns: 2, outcome: { state: "failed" } });
    expect(await shown(body.data.call)).toContain("caller: I need an appointment\n");
    expect(receiver.messages).toHaveLength(1);
  });
});

/** Resolves when the record of a call that has ended has so many turns. */
async function written(dir: string, turns: number): Promise<void> {
  for (;;) {
    const database = openReading(dir);
    try {
      const [call] = database ? await listCalls(database.db, { limit: 1 }) : [];
      if (call?.next && call.turns.length === turns) return;
    } finally {
      database?.close();
    }
    await systemClock.sleep(20);
  }
}

/** A call with a worker of its own, which is killed when it asks what the call came to, and this has come about. */
async function killed<T>(hangs: boolean, until: () => Promise<T>): Promise<T> {
  const script = join(import.meta.dirname, "fixtures/telling-worker.ts");
  const args = [script, folder.file, SECRET, hangs ? "hangs" : ""];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  try {
    await once(child.stdout, "data");
    return await until();
  } finally {
    const gone = once(child, "exit");
    child.kill("SIGKILL");
    await gone;
  }
}
