import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { systemClock } from "../../../src/base/clock.ts";
import { createLog } from "../../../src/base/log.ts";
import type { ToolScope } from "../../../src/conversation/tools.ts";
import { Vault } from "../../../src/conversation/vault.ts";
import { httpTool } from "../../../src/providers/tools/http.ts";
import { isPrivate, openToolNetwork, type ToolNetwork } from "../../../src/providers/tools/network.ts";
import { httpToolSchema } from "../../../src/providers/tools/schema.ts";
import { selfSigned, vouchedFor } from "../../fakes/providers/self-signed.ts";
import { FakeShop } from "../../fakes/tools/shop.ts";

let shop: FakeShop;
let network: ToolNetwork;
const vault = new Vault();
const logged: string[] = [];
const log = createLog({ level: "debug", destination: { write: (line) => void logged.push(line) } });
const scope: ToolScope = { clock: systemClock, log, vault, leg: { id: "call-1", from: "+4930123", did: "4100" } };

beforeEach(async () => {
  shop = await new FakeShop().listen();
  network = openToolNetwork({ near: true, connectMs: 2_000 });
  logged.length = 0;
});
afterEach(async () => {
  await network.close();
  await shop.close();
});

async function use(settings: object, input: Readonly<Record<string, unknown>>, through = network): Promise<string> {
  const parsed = httpToolSchema.parse({ type: "http", description: "A test.", private: true, ...settings });
  const tool = httpTool({ name: "shop", settings: parsed, network: through }, scope);
  const outcome = await tool.run(input, new AbortController().signal);
  return "result" in outcome ? outcome.result : "";
}

const ORDER = { order: { type: "string" } };

describe("a request of an agent", () => {
  test("is what the template says, with what the model gave in its place", async () => {
    const settings = {
      method: "POST",
      url: `${shop.url}/orders/{order}?by={call.from}`,
      headers: { "X-Call": "{call.id}" },
      body: { amount: "{amount}", note: "of {order}", urgent: "{urgent}", list: ["{order}"] },
      bearerToken: "key-1",
      parameters: { ...ORDER, amount: { type: "integer", minimum: 1 }, urgent: { type: "boolean", optional: true } },
    };
    expect(await use(settings, { order: "a/b?c", amount: "7" })).toBe('{"state":"sent"}');
    expect(shop.asked[0]).toMatchObject({ method: "POST", url: "/orders/a%2Fb%3Fc?by=%2B4930123" });
    expect(shop.asked[0]?.headers).toMatchObject({ "x-call": "call-1", authorization: "Bearer key-1" });
    expect(JSON.parse(shop.asked[0]?.body ?? "")).toEqual({ amount: 7, note: "of a/b?c", list: ["a/b?c"] });
  });

  test.each([
    { input: {}, says: "order is missing" },
    { input: { order: "x".repeat(201) }, says: "order is not" },
    { input: { order: "a\u0000b" }, says: "order is not" },
    { input: { order: ".." }, says: "cannot stand in the address" },
    { input: { order: "1", more: "2" }, says: 'no parameter "more"' },
  ])("is not sent with what does not belong there: $says", async ({ input, says }) => {
    expect(await use({ url: `${shop.url}/orders/{order}/state`, parameters: ORDER }, input)).toContain(says);
    expect(shop.asked).toEqual([]);
  });

  test.each([
    { settings: {}, again: true },
    { settings: { method: "GET", repeatable: false }, again: false },
    { settings: { method: "POST" }, again: false },
    { settings: { method: "PUT" }, again: false },
    { settings: { method: "POST", repeatable: true }, again: true },
  ])("is sent again after its worker's death: $again, for $settings", ({ settings, again }) => {
    const parsed = httpToolSchema.parse({
      ...{ type: "http", description: "A test.", url: "https://shop.example" },
      ...settings,
    });
    expect(httpTool({ name: "shop", settings: parsed, network }, scope).repeatable).toBe(again);
  });

  test("cannot get a header of its own by a line break", async () => {
    const settings = { url: `${shop.url}/x`, headers: { "X-Order": "{order}" }, parameters: ORDER };
    await use(settings, { order: "1\nX-Evil: 2" });
    expect(shop.asked[0]?.headers["x-evil"]).toBeUndefined();
  });

  test("that is answered by what no caller can be told says so", async () => {
    expect(await use({ url: `${shop.url}/binary` }, {})).toContain("no text");
    expect(await use({ url: `${shop.url}/html` }, {})).toContain("neither JSON nor plain text");
  });

  test("follows a redirect on its own host, not to others, and not for ever", async () => {
    shop.location = "/orders/1";
    expect(await use({ url: `${shop.url}/elsewhere` }, {})).toContain("sent");
    shop.location = `http://localhost:${shop.port}/orders/1`;
    expect(await use({ url: `${shop.url}/elsewhere` }, {})).toContain("host that is not allowed");
    const hosts = [`localhost:${shop.port}`];
    expect(await use({ url: `${shop.url}/elsewhere`, hosts, bearerToken: "key-1" }, {})).toContain("sent");
    expect(shop.asked.at(-1)?.headers.authorization).toBeUndefined();
    expect(await use({ url: `${shop.url}/round` }, {})).toContain("from one address to the next");
    shop.location = "/orders/1";
    expect(await use({ method: "POST", url: `${shop.url}/elsewhere` }, {})).toContain("leads elsewhere");
  });
});

describe("a secret's token", () => {
  const settings = () => ({
    ...{ method: "POST", url: `${shop.url}/echo`, body: { pin: "{pin}" } },
    parameters: { pin: { type: "token", collector: "pin" } },
  });

  test("becomes the digits in the body, and what comes back of them is removed", async () => {
    const token = vault.keep("pin", "739146");
    expect(await use(settings(), { pin: token })).toBe(JSON.stringify({ you: '{"pin":"[removed]"}' }));
    expect(shop.asked[0]?.body).toBe('{"pin":"739146"}');
    expect(logged.join("")).not.toContain("739146");
  });

  test("of another collector, or none, is refused", async () => {
    expect(await use(settings(), { pin: vault.keep("card", "4111") })).toContain("no valid token");
    expect(await use(settings(), { pin: "739146" })).toContain("no valid token");
    expect(shop.asked).toEqual([]);
  });

  test("never stands in an address: the configuration is refused", () => {
    const given = { ...settings(), type: "http", description: "x", private: true, url: `${shop.url}/{pin}` };
    expect(httpToolSchema.safeParse(given).error?.issues[0]?.message).toContain("secret");
  });
});

describe("the hosts that are asked", () => {
  test("are none of this machine's or its networks', whatever their name", async () => {
    for (const address of [
      "127.0.0.1",
      "10.1.2.3",
      "172.16.0.1",
      "192.168.1.1",
      "169.254.169.254",
      "100.64.0.1",
      "0.0.0.0",
      "::1",
      "::",
      "fe80::1",
      "fd00::1",
      "::ffff:10.0.0.1",
      "::ffff:127.0.0.1",
      "64:ff9b::a00:1",
      "nonsense",
    ])
      expect(isPrivate(address), address).toBe(true);
    for (const address of ["8.8.8.8", "93.184.216.34", "2606:4700::1111"])
      expect(isPrivate(address), address).toBe(false);
    const resolve = ((_host: string, _options: object, done: (error: null, found: object[]) => void) =>
      done(null, [{ address: "127.0.0.1", family: 4 }])) as never;
    const far = openToolNetwork({ near: false, connectMs: 2_000, resolve });
    const say = (url: string) => use({ url }, {}, far);
    expect(await say(`https://shop.example:${shop.port}/x`)).toContain("may not be asked");
    expect(await say(`https://127.0.0.1:${shop.port}/x`)).toContain("may not be asked");
    expect(await say(`https://[::ffff:127.0.0.1]:${shop.port}/x`)).toContain("may not be asked");
    expect(await say(`http://shop.example:${shop.port}/x`)).toContain("may not be asked");
    expect(shop.asked).toEqual([]);
    await far.close();
  });

  test("prove who they are", async () => {
    const liar = await new FakeShop(selfSigned).listen();
    const honest = await new FakeShop(vouchedFor).listen();
    const trusting = openToolNetwork({ near: true, connectMs: 2_000, ca: vouchedFor.authority });
    expect(await use({ url: `https://localhost:${liar.port}/x` }, {}, trusting)).toContain("cannot be reached");
    expect(await use({ url: `https://localhost:${honest.port}/x` }, {}, trusting)).toContain("sent");
    expect(liar.asked).toEqual([]);
    await trusting.close();
    await liar.close();
    await honest.close();
  });
});
