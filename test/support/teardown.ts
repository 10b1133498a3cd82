import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { systemClock } from "../../src/base/clock.ts";

// As much memory as a worker has, touched page by page, and as many threads of its own.
const PROGRAM = `const kept = Buffer.alloc(180e6, 1);
const { Worker } = require("worker_threads");
for (let thread = 0; thread < 4; thread++) new Worker("setInterval(() => {}, 1000)", { eval: true });
const socket = require("net").connect(Number(process.argv[1]), "127.0.0.1", () => socket.write("up"));
setInterval(() => kept[0], 1000);`;
const TRIALS = 5;

/**
 * How long this machine's kernel takes after SIGKILL until it closes the sockets of a bare Node process that has a worker's memory,
 * in ms, the median of five: until then no PBX can know that a worker is gone, whatever we do.
 */
export async function teardownMs(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  const times: number[] = [];
  try {
    for (let trial = 0; trial < TRIALS; trial++) {
      const connected = once(server, "connection") as Promise<[Socket]>;
      const child = spawn(process.execPath, ["-e", PROGRAM, String(port)], { stdio: "ignore" });
      const [socket] = await connected;
      socket.on("error", () => {});
      await once(socket, "data");
      // Its threads are up a moment later; a kill before that would be an easy one.
      await systemClock.sleep(500);
      const closed = once(socket, "close");
      socket.resume();
      const killedMs = systemClock.now();
      child.kill("SIGKILL");
      await closed;
      times.push(systemClock.now() - killedMs);
    }
  } finally {
    server.close();
  }
  return times.sort((a, b) => a - b)[Math.floor(TRIALS / 2)] ?? 0;
}

/** What a bound for a kill is longer by on a machine whose kernel takes longer for that than the 30 ms of the one it was set on. */
export const slowerBy = async (): Promise<number> => Math.max(0, (await teardownMs()) - 30);
