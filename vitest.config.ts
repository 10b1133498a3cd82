import { defineConfig } from "vitest/config";

const shared = {
  globalSetup: ["test/support/prepare.ts"],
  pool: "forks" as const,
  // A deadline for what hangs, not a measure: what is measured says so itself, and a busy machine is no fault.
  testTimeout: 90_000,
  hookTimeout: 120_000,
};

const REAL = "test/**/*.{real,timed}.test.ts";
// A real PBX and whole calls, but nothing that several at once could spoil: bounds of half a second and more, or none.
const UNHURRIED = [
  "test/{bench,sip,store}/**/*.real.test.ts",
  "test/asterisk/{people,start,walk}.real.test.ts",
  "test/cli/**/*.real.test.ts",
  "test/demo/ends.real.test.ts",
  "test/failover/{faults,standby,workers}.real.test.ts",
  "test/recording/{killed-worker,secure-digits}.real.test.ts",
];

// Bounds of tens of milliseconds, and hardly any work: two at once do not disturb each other.
const CALM = ["test/caller/phone.real.test.ts", "test/failover/resume.real.test.ts", "test/faults/matrix.real.test.ts"];

export default defineConfig({
  test: {
    projects: [
      {
        // They compute: as many at once as the smallest machine has cores.
        test: { ...shared, name: "house", maxWorkers: 2, include: ["test/**/*.test.ts"], exclude: [REAL] },
      },
      {
        // They wait for callers who speak: each takes half a core.
        test: { ...shared, name: "calls", maxWorkers: 3, include: UNHURRIED, sequence: { groupOrder: 1 } },
      },
      {
        test: { ...shared, name: "calm", maxWorkers: 2, include: CALM, sequence: { groupOrder: 2 } },
      },
      {
        test: {
          ...shared,
          name: "real",
          maxWorkers: 1,
          include: [REAL],
          exclude: [...UNHURRIED, ...CALM],
          // What is measured in milliseconds, calls through a real PBX above all: one file at a time, when all else is done.
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
