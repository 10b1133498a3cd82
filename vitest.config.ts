import { defineConfig } from "vitest/config";

const shared = {
  globalSetup: ["test/support/prepare.ts"],
  pool: "forks" as const,
  // A deadline for what hangs, not a measure: what is measured says so itself, and a busy machine is no fault.
  testTimeout: 40_000,
  hookTimeout: 60_000,
};

export default defineConfig({
  test: {
    // Two cores: more than two at once only disturb each other's timings.
    maxWorkers: 2,
    projects: [
      {
        test: { ...shared, name: "house", include: ["test/**/*.test.ts"], exclude: ["test/**/*.{real,timed}.test.ts"] },
      },
      {
        test: {
          ...shared,
          name: "real",
          include: ["test/**/*.{real,timed}.test.ts"],
          // What is measured in milliseconds, calls through a real PBX above all: one file at a time, when all else is done.
          fileParallelism: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
