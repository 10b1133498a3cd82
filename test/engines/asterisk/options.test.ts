import { describe, expect, test } from "vitest";
import { hasJsonControl } from "../../../src/engines/asterisk/capability.ts";
import { causeOf } from "../../../src/engines/asterisk/leg.ts";
import { asteriskOptions } from "../../../src/engines/asterisk/options.ts";

const secrets = { ari: { password: "a" }, ami: { password: "b" } };
const faults = (options: object): string[] =>
  asteriskOptions.safeParse(options).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

describe("the options", () => {
  test("two passwords are enough", () => {
    expect(asteriskOptions.parse(secrets)).toMatchObject({
      ari: { url: "ws://127.0.0.1:8088", user: "sidetone", app: "sidetone" },
      ami: { host: "127.0.0.1", port: 5038, user: "sidetone" },
      media: "auto",
      audiosocket: { host: "127.0.0.1", port: 9099 },
    });
  });

  test.each([
    [{ ...secrets, ari: { password: "a", url: "ws://pbx.example:8088" } }, /^ari\.url: beyond this host only wss/],
    [{ ...secrets, ari: { password: "a", url: "ws://me:secret@127.0.0.1:8088" } }, /^ari\.url: no credentials/],
    [{ ...secrets, ari: { password: "a", url: "http://127.0.0.1:8088" } }, /^ari\.url/],
    [{ ...secrets, ami: { password: "b", host: "192.0.2.1" } }, /^ami\.host: beyond this host only through a tunnel/],
    [{ ...secrets, audiosocket: { host: "0.0.0.0" } }, /^audiosocket\.host: beyond this host/],
    [{ ...secrets, ami: { password: "b", user: "a\r\nAction: x" } }, /^ami\.user/],
    [{ ...secrets, pasword: 1 }, /pasword/],
  ])("%j is refused, with the reason", (options, reason) => {
    expect(faults(options)).toEqual([expect.stringMatching(reason)]);
  });

  test.each([
    { ...secrets, ari: { password: "a", url: "wss://pbx.example:8089/asterisk" } },
    { ...secrets, ari: { password: "a", url: "ws://10.0.0.1:8088", tunnelled: true } },
    { ...secrets, ari: { password: "a", url: "ws://[::1]:8088" } },
  ])("%j is taken", (options) => {
    expect(faults(options)).toEqual([]);
  });
});

test.each([
  ["20.17.0", false],
  ["20.18.0", true],
  ["21.12.1", false],
  ["22.7.0", false],
  ["22.10.1+dfsg+~cs6", true],
  ["23.1.0", false],
  ["23.2.0", true],
  ["24.0.0", true],
  ["18.10.0", false],
  ["certified/20.7-cert5", false],
  ["GIT-master-abc", true],
])("chan_websocket of Asterisk %s speaks JSON: %s", (version, expected) => {
  expect(hasJsonControl(version)).toBe(expected);
});

test.each([
  [16, "normal"],
  [0, "normal"],
  [17, "busy"],
  [19, "noAnswer"],
  [21, "rejected"],
  [1, "notFound"],
  [34, "congestion"],
  [44, "failure"],
] as const)("Q.850 cause %i is %s", (q850, cause) => {
  expect(causeOf(q850)).toBe(cause);
});
