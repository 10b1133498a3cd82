import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { silentLog } from "../../src/base/log.ts";
import { createMetrics } from "../../src/base/metrics.ts";
import { webhooksSchema } from "../../src/config/outcome.ts";
import { secretsOf } from "../../src/config/webhook-secret.ts";
import { Courier } from "../../src/service/webhooks/courier.ts";
import { eventOf } from "../../src/service/webhooks/event.ts";
import { signedHeaders } from "../../src/service/webhooks/signature.ts";
import type { Claimed, Claims, Settled } from "../../src/store/outbox.ts";
import { cdrOf, ended, turnOf } from "../store/support.ts";
import { VirtualClock } from "../support/virtual-clock.ts";

const OLD = `whsec_${Buffer.alloc(32, 1).toString("base64")}`;
const NEW = `whsec_${Buffer.alloc(32, 2).toString("base64")}`;
const cdr = cdrOf({ id: "call-1", webhook: "crm", ...ended(), turns: [turnOf("Hello?")] });

interface Given {
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** The page's own code, as an administrator copies it. */
async function verifier(): Promise<(given: Given & { secret: string; nowMs?: number }) => { data: { call: string } }> {
  const page = readFileSync(resolve(import.meta.dirname, "../../docs/webhooks.md"), "utf8");
  const code = /```js\n([\s\S]*?)```/.exec(page)?.[1] ?? "";
  return (await import(`data:text/javascript,${encodeURIComponent(code)}`)).verify;
}

describe("the signature of a message", () => {
  const nowMs = Date.UTC(2026, 10, 26, 9);
  const body = eventOf(cdr, { sequence: 7, transcript: false });
  const sign = (secrets: string) => signedHeaders({ id: "msg_1", nowMs, body }, secretsOf(secrets) ?? []);

  test("is what the page says how to verify", async () => {
    const verify = await verifier();
    const headers = sign(OLD);
    expect(verify({ headers, body, secret: OLD, nowMs: nowMs + 60_000 }).data.call).toBe("call-1");
    expect(() => verify({ headers, body, secret: NEW, nowMs })).toThrow("not ours");
    expect(() => verify({ headers, body: body.replace("call-1", "call-2"), secret: OLD, nowMs })).toThrow("not ours");
    expect(() => verify({ headers, body, secret: OLD, nowMs: nowMs + 301_000 })).toThrow("too old");
  });

  test("is the one of Standard Webhooks' own example", () => {
    // https://github.com/standard-webhooks/standard-webhooks: the test vector of its libraries.
    const secrets = secretsOf("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") ?? [];
    const example = { id: "msg_p5jXN8AQM9LWM0D4loKWxJek", nowMs: 1_614_265_330_000, body: '{"test": 2432232314}' };
    expect(signedHeaders(example, secrets)["webhook-signature"]).toBe(
      "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    );
  });

  test("is by the new secret and by the old one while both are in the file", async () => {
    const verify = await verifier();
    const headers = sign(`${NEW}\n${OLD}\n`);
    for (const secret of [NEW, OLD]) expect(verify({ headers, body, secret, nowMs }).data.call).toBe("call-1");
    expect(secretsOf("whsec_short")).toBeUndefined();
    expect(secretsOf("hello")).toBeUndefined();
  });
});

/** An outbox with these messages, one after the other, and a receiver that answers so. */
class Post {
  readonly clock = new VirtualClock();
  readonly metrics = createMetrics();
  readonly taken: Given[] = [];
  readonly settled: Settled[] = [];
  answers: (number | Response | Error | "silence")[] = [];
  left: Claimed[] = [{ seq: 1, id: "msg_1", webhook: "crm", attempts: 0, cdr }];
  secret = OLD;
  courier: Courier | undefined;
  #nextMs: number | undefined;

  async start(): Promise<this> {
    const webhooks = webhooksSchema.parse({ crm: { url: "https://crm.example.com/calls", secret: this.secret } });
    this.courier = new Courier({
      outbox: { claim: async () => this.#claim(), settle: async (_seq, settled) => this.#settle(settled) },
      webhooks: () => webhooks,
      http: { fetch: this.#fetch as typeof fetch, warm: async () => {}, close: async () => {} },
      ...{ clock: this.clock, log: silentLog, metrics: this.metrics, random: () => 0 },
    });
    await this.clock.advance(0);
    return this;
  }

  #claim(): Claims {
    const due = this.#nextMs === undefined || this.#nextMs <= this.clock.wall();
    return { events: due ? this.left : [], waiting: { crm: this.left.length }, dropped: {}, nextMs: this.#nextMs };
  }

  #settle(settled: Settled): void {
    this.settled.push(settled);
    this.#nextMs = settled.taken ? undefined : settled.dueMs;
    this.left = settled.taken ? [] : this.left.map((event) => ({ ...event, attempts: event.attempts + 1 }));
  }

  readonly #fetch = async (
    _url: string,
    { headers, body, signal }: Given & { signal: AbortSignal },
  ): Promise<Response> => {
    this.taken.push({ headers, body });
    const answer = this.answers.shift() ?? 200;
    if (answer instanceof Error) throw answer;
    if (answer === "silence")
      return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
    return typeof answer === "number" ? new Response(null, { status: answer }) : answer;
  };

  async counted(result: string): Promise<number> {
    const { values } = await this.metrics.webhooks.get();
    return values.find(({ labels }) => labels.result === result)?.value ?? 0;
  }
}

let post: Post;
afterEach(async () => {
  await post?.courier?.close();
  expect(post?.clock.pending ?? 0).toBe(0);
});

describe("a message to a receiver", () => {
  test("that takes it is delivered once", async () => {
    post = await new Post().start();
    await post.clock.advance(120_000);
    expect(post.taken).toHaveLength(1);
    expect(post.settled).toEqual([{ taken: true }]);
    expect(await post.counted("taken")).toBe(1);
  });

  test("that is down is tried again after longer and longer pauses, under the same id", async () => {
    post = new Post();
    post.answers = [500, new TypeError("fetch failed"), 503, 302];
    const begun = post.clock.wall();
    await post.start();
    await post.clock.advance(4 * 3_600_000);
    expect(post.taken).toHaveLength(5);
    expect(new Set(post.taken.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set(["msg_1"]));
    const seconds = post.taken.map(({ headers }) => Number(headers["webhook-timestamp"]) - Math.floor(begun / 1000));
    expect(seconds).toEqual([0, 5, 35, 155, 755]);
    expect(post.settled.at(-1)).toEqual({ taken: true });
  });

  test("that is silent is given up at its deadline, and tried again", async () => {
    post = new Post();
    post.answers = ["silence"];
    await post.start();
    await post.clock.advance(16_000);
    expect(post.taken).toHaveLength(2);
    expect(await post.counted("failed")).toBe(1);
  });

  test("that wants it later, or never, or not like this, is obeyed", async () => {
    post = new Post();
    post.answers = [new Response(null, { status: 429, headers: { "retry-after": "90" } }), 422, 410];
    const begun = post.clock.wall();
    await post.start();
    await post.clock.advance(3_600_000);
    expect(post.settled.map((settled) => (settled.taken ? "over" : settled.refused))).toEqual([false, true, "over"]);
    expect(post.settled[0]).toMatchObject({ dueMs: begun + 90_000 });
    expect(await post.counted("gone")).toBe(1);
  });

  test("that is on its way when the service closes is left to the next worker, at once", async () => {
    post = new Post();
    post.answers = ["silence"];
    await post.start();
    await post.courier?.close();
    expect(post.settled).toEqual([{ taken: false, dueMs: post.clock.wall(), refused: false }]);
  });

  test("tells what was said only where it is asked for, and not what is no longer kept", () => {
    const told = (one: typeof cdr, transcript: boolean) => JSON.parse(eventOf(one, { sequence: 1, transcript })).data;
    expect(told(cdr, false).transcript).toBeUndefined();
    expect(told(cdr, true).transcript).toEqual([{ ms: 1000, caller: "Hello?", agent: "I see." }]);
    expect(told({ ...cdr, words: false }, true).transcript).toBeUndefined();
    expect(
      told({ ...cdr, turns: Array.from({ length: 20 }, () => turnOf("x".repeat(20_000))) }, true).transcript,
    ).toBeNull();
    expect(JSON.stringify(told({ ...cdr, keys: "4711" }, true))).not.toContain("4711");
  });
});

test("plain HTTP is for this machine only, and a secret has its form", () => {
  const parse = (url: string, secret = OLD) => webhooksSchema.safeParse({ crm: { url, secret } }).success;
  expect(parse("https://crm.example.com/calls")).toBe(true);
  expect(parse("http://127.0.0.1:8080/calls")).toBe(true);
  expect(parse("http://crm.example.com/calls")).toBe(false);
  expect(parse("ftp://crm.example.com/calls")).toBe(false);
  expect(parse("https://crm.example.com/calls", "hunter2")).toBe(false);
});
