import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { catalogue } from "../../src/config/catalogue.ts";
import { ConfigError } from "../../src/config/fault.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Folder } from "../config/support.ts";
import { fuzz } from "./fuzz.ts";

const root = resolve(import.meta.dirname, "../..");
const AGENT = readFileSync(join(root, "agents/reception.yaml"), "utf8");
const SERVICE = `engines:
  asterisk:
    ari: {url: "ws://127.0.0.1:8088", user: sidetone, password: {env: ARI_PASSWORD}}
    ami: {host: 127.0.0.1, port: 5038, user: sidetone, password: {env: AMI_PASSWORD}}
defaultAgent: reception
limits: {calls: 50, callMinutes: 30}
supervisor: {heartbeatMs: 100, killAfterMs: 700}
records: {dir: records, keepDays: {records: 365}}
recording: {mode: agent, consent: announce, path: "{year}/{time}-{call}"}
server: {port: 8070}
log: {level: info}
`;
const env = { ARI_PASSWORD: "swordfish", AMI_PASSWORD: "marlin", HOME: "/nowhere" };
/** Longer than this for half a megabyte at most is a hang. */
const PATIENCE_MS = 5000;

const BITS = [
  "*a",
  "&a ",
  "[",
  "{",
  "}",
  "]",
  ": ",
  "- ",
  "\t",
  "|\n",
  ">-\n",
  "? ",
  "!!binary ",
  "!!js/function ",
  "<<: *a",
  "---\n",
  "...\n",
  "\0",
  "\ufeff",
  "\u2028",
  "'",
  '"',
  "#",
  "%YAML 9.9\n",
  "null",
  ".nan",
  "-.inf",
  "0x10",
  "1e999",
  "__proto__: 1",
  "constructor: {}",
  "  ",
  "\n",
  "\r",
  "~",
  "2026-01-01",
  "\ud800",
];
const bit = fc.oneof(
  fc.constantFrom(...BITS),
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("a".repeat(5000), "[".repeat(3000), "a: ".repeat(200)),
);

interface Edit {
  readonly at: number;
  readonly cut: number;
  readonly put: string;
}
const edits = fc.array(fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), cut: fc.nat(30), put: bit }), {
  minLength: 1,
  maxLength: 6,
});

/** A sound file in which somebody's hand has slipped. */
const slipped = (text: string, all: readonly Edit[]): string =>
  all.reduce((now, { at, cut, put }) => {
    const place = Math.floor(at * now.length);
    return now.slice(0, place) + put + now.slice(place + cut);
  }, text);

const anything = fc.array(bit, { maxLength: 40 }).map((parts) => parts.join(""));

/** Reads both files. What is wrong must be said of a place in a file, and never shows a secret. */
function read(service: string, agent: string): void {
  using folder = new Folder({ "sidetone.yaml": service, "agents/reception.yaml": agent });
  const startMs = performance.now();
  try {
    const config = loadConfig(folder.file, { catalogue, env });
    expect(Object.keys(config.agents).length).toBeGreaterThan(0);
  } catch (error) {
    // Any other error is a fault of ours, and would be shown as one.
    if (!(error instanceof ConfigError)) throw error;
    expect(error.faults.length).toBeGreaterThan(0);
    for (const { file, line, column, problem } of error.faults) {
      expect([file.startsWith(folder.path), line >= 1, column >= 1, problem.length > 0, problem.length < 2000]).toEqual(
        [true, true, true, true, true],
      );
      expect(problem).not.toMatch(/swordfish|marlin/);
    }
  }
  expect(performance.now() - startMs).toBeLessThan(PATIENCE_MS);
}

describe("whatever stands in them, the files are read or refused with their faults", () => {
  test(
    "sidetone.yaml with slips",
    () => fuzz(edits, { name: "yaml-service", runs: 120 }, (all) => read(slipped(SERVICE, all), AGENT)),
    60_000,
  );
  test(
    "an agent file with slips",
    () => fuzz(edits, { name: "yaml-agent", runs: 80 }, (all) => read(SERVICE, slipped(AGENT, all))),
    60_000,
  );
  test(
    "anything at all in both",
    () =>
      fuzz(fc.tuple(anything, anything), { name: "yaml-anything", runs: 120 }, ([service, agent]) =>
        read(service, agent),
      ),
    60_000,
  );
});
