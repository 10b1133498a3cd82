import { defineConfig } from "vitest/config";

const shared = {
  globalSetup: ["test/support/prepare.ts"],
  pool: "forks" as const,
  // A deadline for what hangs, not a measure: what is measured says so itself, and a busy machine is no fault.
  testTimeout: 40_000,
  hookTimeout: 60_000,
};

const REAL = "test/**/*.{real,timed}.test.ts";
// A real PBX and whole calls, but nothing that two at once could spoil: bounds of a second and more, or none.
const UNHURRIED = [
  "test/{bench,sip,store}/**/*.real.test.ts",
  "test/cli/chaos/chaos.real.test.ts",
  "test/asterisk/{people,walk}.real.test.ts",
  "test/failover/workers.real.test.ts",
  "test/recording/secure-digits.real.test.ts",
];

export default defineConfig({
  test: {
    // Two cores: more than two at once only disturb each other's timings.
    maxWorkers: 2,
    projects: [
      {
        test: { ...shared, name: "house", include: ["test/**/*.test.ts"], exclude: [REAL] },
      },
      {
        test: { ...shared, name: "calls", include: UNHURRIED, sequence: { groupOrder: 1 } },
      },
      {
        test: {
          ...shared,
          name: "real",
          include: [REAL],
          exclude: UNHURRIED,
          // What is measured in milliseconds, calls through a real PBX above all: one file at a time, when all else is done.
          fileParallelism: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
