import type { TestProject } from "vitest/node";
import { type AsteriskInstall, prepareAsterisk } from "../../deploy/engines/asterisk.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { messageOf } from "../../src/base/errors.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Null: it could not be prepared on this machine, and tests with the real Asterisk are skipped (never under CI=true). */
    readonly asterisk: AsteriskInstall | null;
    readonly pocketsphinx: boolean;
    /** SIPp, which speaks SIP as a test wants it. */
    readonly sipp: boolean;
    /** `ip` and `tc`, for hosts with a network of their own. */
    readonly network: boolean;
  }
}

const strict = process.env.CI === "true";
const progress = (line: string): void => void process.stdout.write(`· ${line}\n`);

async function orSkip<T>(what: string, prepare: () => Promise<T>): Promise<T | null> {
  try {
    return await prepare();
  } catch (error) {
    if (strict) throw error;
    progress(`${what} is not there, its tests are skipped: ${messageOf(error)}`);
    return null;
  }
}

/** Once per run, before all tests: the real programs that tests talk to. */
export async function setup(project: TestProject): Promise<void> {
  project.provide("asterisk", await orSkip("Asterisk", () => prepareAsterisk({ progress })));
  const packages = ["pocketsphinx", "pocketsphinx-en-us"];
  const prepared = await orSkip("pocketsphinx", () => preparePackages(packages, { progress }).then(() => true));
  project.provide("pocketsphinx", prepared === true);
  const sipp = await orSkip("SIPp", () => preparePackages(["sip-tester"], { progress }).then(() => true));
  project.provide("sipp", sipp === true);
  const network = await orSkip("iproute2", () => preparePackages(["iproute2"], { progress }).then(() => true));
  project.provide("network", network === true);
}
