import { join } from "node:path";
import { describe, expect, inject, test } from "vitest";
import { type Fault, inOwnNetwork } from "../support/network.ts";
import type { Told } from "./fixtures/two-hosts.ts";

const FAULTS: readonly Fault[] = ["cut", "cut from", "slow"];
/** Both hosts hear of each in the same millisecond, and Asterisk lets both in: see docs/decisions/0066. */
const NEWCOMERS = 12;
/** A pulse that is missed, an offer, a claim, a voice; and a machine that has other work. What was measured is in docs/decisions/0061. */
const AGAIN_MS = 4000;
/** A slow line gets worse by and by. */
const SLOW_MS = 8000;

const install = inject("asterisk");

describe.skipIf(!install || !inject("pocketsphinx") || !inject("network"))(
  "two hosts on one PBX, and the line to one of them",
  () => {
    test("fails without a word: the caller has the other one's agent, and nobody else", {
      timeout: 180_000,
    }, async () => {
      const out = await inOwnNetwork(
        join(import.meta.dirname, "fixtures/two-hosts.ts"),
        JSON.stringify({ install, faults: FAULTS, newcomers: NEWCOMERS }),
      );
      process.stdout.write(`the line to the host that has the call fails: ${out}`);
      const { newcomers, faults: all } = JSON.parse(out) as Told;
      expect(newcomers, "each new call is one host's").toEqual(Array.from({ length: NEWCOMERS }, () => 1));
      expect(all.map(({ fault }) => fault)).toEqual(FAULTS);
      for (const { fault, up, agentMs, menuMs, againMs, speakers, takers, goesOn } of all) {
        expect(up, `${fault}: the call is up`).toBe(true);
        expect(agentMs ?? menuMs ?? againMs, fault).toBeLessThan(fault === "slow" ? SLOW_MS : AGAIN_MS);
        // While the line is bad, and when it is whole again.
        expect(Math.max(...speakers), `${fault}: one speaks, and no other`).toBeLessThanOrEqual(1);
        expect(goesOn, `${fault}: it goes on`).toBe(true);
        expect(takers[0], `${fault}: one has the call, and no other`).toBe(1);
        expect(takers[1], fault).toBeLessThanOrEqual(2);
      }
    });
  },
);
