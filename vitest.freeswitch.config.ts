import { defineConfig } from "vitest/config";

// With a real FreeSWITCH only: SIDETONE_FREESWITCH=<prefix> npm run test:freeswitch. One file at a time: milliseconds are measured.
export default defineConfig({
  test: {
    include: ["test/**/*.freeswitch.ts"],
    pool: "forks",
    fileParallelism: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
