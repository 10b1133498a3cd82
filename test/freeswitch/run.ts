import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { findFreeswitch, PREFIX_VARIABLE, readFreeswitchAddress } from "../../deploy/engines/freeswitch.ts";
import { messageOf } from "../../src/base/errors.ts";

// The tests that need a real FreeSWITCH. They are no part of "npm test": a machine may have none.
const root = resolve(import.meta.dirname, "../..");

async function main(): Promise<number> {
  try {
    const address = readFreeswitchAddress(process.env[PREFIX_VARIABLE] ?? "");
    if (address) process.stdout.write(`· the FreeSWITCH that runs at ${address.host}:${address.port}\n`);
    else {
      const { version, program } = await findFreeswitch();
      process.stdout.write(`· FreeSWITCH ${version} (${program})\n`);
    }
  } catch (error) {
    process.stderr.write(`${messageOf(error)}\n`);
    return 1;
  }
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const config = join(root, "vitest.freeswitch.config.ts");
  const args = ["run", "--config", config, ...process.argv.slice(2)];
  const child = spawn(process.execPath, [vitest, ...args], { stdio: "inherit", cwd: root });
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => child.kill(name));
  const [code] = await once(child, "exit");
  return typeof code === "number" ? code : 1;
}

process.exitCode = await main();
