import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { version } from "../../src/cli/about.ts";
import { Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";

const launcher = resolve(import.meta.dirname, "..", "..", "bin", "sidetone");
const run = promisify(execFile);

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function sidetone(
  args: readonly string[],
  options: { cwd?: string; env?: Record<string, string> } = {},
): Promise<Outcome> {
  const env = { ...process.env, ...options.env };
  try {
    return { code: 0, ...(await run(launcher, args, { ...options, env })) };
  } catch (error) {
    const { code, stdout, stderr } = error as Outcome;
    return { code, stdout, stderr };
  }
}

const SCRIPT = `greeting: Hello.
script:
  intents: [{name: hours, phrases: [when are you open], answer: Always.}]
  else: Pardon?
`;

describe("the command line", { timeout: 120_000 }, () => {
  test("--help names every command for people, examples and exit codes", async () => {
    const { code, stdout } = await sidetone(["--help"]);
    expect(code).toBe(0);
    for (const command of ["run", "check", "call", "calls", "say", "demo", "chaos", "docs"])
      expect(stdout).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(stdout).not.toContain("worker");
    expect(stdout).toContain("Exit codes:");
    expect(stdout).toContain("Examples:");
    expect(stdout).not.toContain("\u001b");
    expect((await sidetone(["--version"])).stdout).toBe(`${version}\n`);
  });

  test.each(["run", "check", "calls", "say", "docs", "call", "chaos"])("%s --help has examples", async (command) => {
    const { code, stdout } = await sidetone([command, "--help"]);
    expect(code).toBe(0);
    expect(stdout).toContain("Examples:");
  });

  test("a misspelt command is answered with the likely one, and code 2", async () => {
    const { code, stderr } = await sidetone(["chekc"]);
    expect(code).toBe(2);
    expect(stderr).toContain("Did you mean check?");
    expect((await sidetone(["run", "--confg", "x"])).code).toBe(2);
  });

  test.each(["run", "check", "calls"])(
    "%s tells every fault of a bad configuration, and ends with 1",
    async (command) => {
      using folder = new Folder({
        "sidetone.yaml": `${SOUND_SERVICE}servr: {}\nlog: {level: 3}\n`,
        "agents/reception.yaml": SOUND_AGENT,
      });
      const { code, stdout, stderr } = await sidetone([command, "--config", folder.file], {
        env: { ARI_PASSWORD: "swordfish" },
      });
      expect(code).toBe(1);
      const said = `${stdout}${stderr}`;
      expect(said).toContain(`${folder.file}:6:1: unknown key "servr"`);
      expect(said).toContain(`${folder.file}:7:14: log.level: found 3`);
      expect(said).not.toContain("swordfish");
      expect(said).not.toMatch(/^\s+at /m);
    },
  );

  test("without a configuration it says where one was looked for", async () => {
    using folder = new Folder();
    const { code, stderr } = await sidetone(["run"], { cwd: folder.path });
    expect(code).toBe(1);
    expect(stderr).toContain("there is no such file");
    expect(stderr).toContain("/etc/sidetone/sidetone.yaml");
  });

  test("calls says what to do when the service does not answer", async () => {
    using folder = new Folder({
      "sidetone.yaml":
        "engines: {asterisk: {ari: {password: x}, ami: {password: x}}}\nserver: {port: 1}\nstateDir: state\n",
      "agents/reception.yaml": SCRIPT,
    });
    const silent = await sidetone(["calls", "--config", folder.file]);
    expect(silent.code).toBe(4);
    expect(silent.stderr).toContain("api-token is missing: the service has never run with this stateDir.");
    folder.write("state/api-token", "t".repeat(43));
    const away = await sidetone(["calls", "--config", folder.file]);
    expect(away.code).toBe(4);
    expect(away.stderr).toContain("The service does not answer at http://127.0.0.1:1");
    expect(away.stderr).toContain("systemctl status sidetone");
  });

  test("say makes every prompt in the forms that Asterisk and FreeSWITCH play", async () => {
    using folder = new Folder({ "prompts.yaml": "- {file: menu, text: Hello.}\n" });
    const { code, stderr } = await sidetone(["say", "--prompts", "prompts.yaml", "--out", "out"], { cwd: folder.path });
    expect(stderr).toBe("");
    expect(code).toBe(0);
    const wav = readFileSync(join(folder.path, "out", "menu.wav"));
    expect(wav.toString("latin1", 0, 4)).toBe("RIFF");
    expect(wav.readUInt32LE(24)).toBe(8000);
    const seconds = (wav.length - 44) / 2 / 8000;
    expect(seconds).toBeGreaterThan(0.2);
    expect(readFileSync(join(folder.path, "out", "menu.sln16")).length / 2 / 16_000).toBeCloseTo(seconds, 1);
    const rates = [8000, 16_000].map((rate) =>
      readFileSync(join(folder.path, "out", `${rate}`, "menu.wav")).readUInt32LE(24),
    );
    expect(rates).toEqual([8000, 16_000]);
  });

  test.each([
    { what: "a prompt's file that leads elsewhere", list: "- {file: ../x, text: Hello.}\n", says: "a plain file name" },
    { what: "a list that is none", list: "menu: Hello.\n", says: "expected a list of {file, text}" },
    { what: "bad YAML", list: "- {file: [\n", says: "not valid YAML" },
  ])("say refuses $what", async ({ list, says }) => {
    using folder = new Folder({ "prompts.yaml": list });
    const { code, stderr } = await sidetone(["say", "--prompts", "prompts.yaml", "--out", "out"], { cwd: folder.path });
    expect(code).toBe(1);
    expect(stderr).toContain(says);
  });

  test("say wants to know what", async () => {
    expect((await sidetone(["say"])).code).toBe(2);
    expect((await sidetone(["say", "--prompts", "missing.yaml", "--out", "x"])).stderr).toContain(
      "there is no such file",
    );
  });
});
