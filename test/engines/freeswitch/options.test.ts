import { expect, test } from "vitest";
import { freeswitchOptions } from "../../../src/engines/freeswitch/options.ts";

const faults = (options: object): string[] =>
  freeswitchOptions.safeParse(options).error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`) ?? [];

test("everybody's password is refused, and says why", () => {
  expect(faults({ esl: { password: "ClueCon" } })).toEqual([
    expect.stringMatching(/esl\.password: "ClueCon" is everybody's/),
  ]);
});

test("a plain Event Socket beyond this host is refused, unless a tunnel carries it", () => {
  const esl = { host: "192.0.2.1", password: "p" };
  expect(faults({ esl })).toEqual([expect.stringMatching(/esl\.host: .*only through a tunnel.*no encryption/)]);
  expect(faults({ esl: { ...esl, tunnelled: true } })).toEqual([]);
  expect(faults({ esl: { password: "p" }, lend: { host: "0.0.0.0" } })).toEqual([expect.stringMatching(/lend\.host/)]);
});

test("what would be an order of its own in the login is no password and no user", () => {
  for (const esl of [
    { password: "a\nb" },
    { password: "a b" },
    { password: "p", user: "x" },
    { password: "p", user: "a@b:c" },
  ])
    expect(faults({ esl })).toHaveLength(1);
  expect(freeswitchOptions.parse({ esl: { password: "p" } })).toMatchObject({
    esl: { host: "127.0.0.1", port: 8021, user: "" },
    lend: { host: "127.0.0.1", port: 8084 },
  });
});
