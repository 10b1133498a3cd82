import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PREFIX_VARIABLE, readFreeswitchAddress } from "../../deploy/engines/freeswitch.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { type Fault, inOwnNetwork } from "../support/network.ts";
import type { Heard } from "./fixtures/two-hosts.ts";

const FAULTS: readonly Fault[] = ["cut", "cut from", "slow"];
/** The dialplan's timer has whole seconds, and this machine other work. What was measured is in docs/decisions/0065. */
const AGAIN_MS = 5000;
const NEW_MS = 2000;

const attachedElsewhere = readFreeswitchAddress(process.env[PREFIX_VARIABLE] ?? "") !== undefined;

describe.skipIf(attachedElsewhere)("two hosts on one FreeSWITCH, and the line to one of them", () => {
  beforeAll(() => preparePackages(["iproute2"], { progress: () => {} }), 60_000);

  test("fails without a word: the caller has the other one's agent, and a new caller waits for nobody", {
    timeout: 240_000,
  }, async () => {
    const out = await inOwnNetwork(
      join(import.meta.dirname, "fixtures/two-hosts.ts"),
      JSON.stringify({ faults: FAULTS }),
    );
    process.stdout.write(`the line to the host that has the call fails: ${out}`);
    const all = JSON.parse(out) as Heard[];
    expect(all.map(({ fault }) => fault)).toEqual(FAULTS);
    for (const { fault, up, agentMs, menuMs, newMs, takers, goesOn } of all) {
      expect(up, `${fault}: the call is up`).toBe(true);
      expect(agentMs ?? menuMs, fault).toBeLessThan(AGAIN_MS);
      // One in ten of those on a slow line is in the menu then: docs/decisions/0065.
      if (fault !== "slow") expect(goesOn, `${fault}: it goes on`).toBe(true);
      expect(newMs, `${fault}: another caller`).toBeLessThan(NEW_MS);
      // With the end of the first host's connection the call is offered once more.
      expect(takers, fault).toBeLessThanOrEqual(3);
    }
  });
});
