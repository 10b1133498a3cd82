import { describe, expect, test } from "vitest";
import { readFreeswitchAddress } from "../../deploy/engines/freeswitch.ts";

describe("where a FreeSWITCH for the tests is", () => {
  test.each([
    ["127.0.0.1:8021:s3cret", { host: "127.0.0.1", port: 8021, password: "s3cret" }],
    ["localhost:8021:with:colons", { host: "localhost", port: 8021, password: "with:colons" }],
    ["[::1]:8021:s3cret", { host: "::1", port: 8021, password: "s3cret" }],
    ["127.0.0.1:8021", { host: "127.0.0.1", port: 8021, password: "from the environment" }],
  ])("%s is an Event Socket's address", (text, address) => {
    expect(readFreeswitchAddress(text, { SIDETONE_ESL_PASSWORD: "from the environment" })).toEqual(address);
  });

  test.each(["", "/usr/local/freeswitch", "./fs", "C:/fs", "freeswitch"])("%s is none", (text) => {
    expect(readFreeswitchAddress(text, {})).toBeUndefined();
  });

  test("an address beyond this host is refused, and one without a password says where that goes", () => {
    expect(() => readFreeswitchAddress("192.0.2.1:8021:x", {})).toThrow(/another host/);
    expect(() => readFreeswitchAddress("127.0.0.1:8021", {})).toThrow(/SIDETONE_ESL_PASSWORD/);
  });
});
