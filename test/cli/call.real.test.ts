import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { RunningAsterisk } from "../../deploy/engines/asterisk.ts";
import { readWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { addCallCommand } from "../../src/cli/call.ts";
import { startPbx } from "../caller/real-pbx.ts";
import { toneVoice } from "../caller/support.ts";

let pbx: RunningAsterisk;
let folder = "";
beforeAll(async () => {
  [pbx, folder] = await Promise.all([startPbx(), mkdtemp(join(tmpdir(), "sidetone-call-"))]);
  await writeFile(join(folder, "pw"), `${pbx.phones[0]?.password}\n`);
  await writeFile(join(folder, "wrong"), "wrong");
  await writeFile(join(folder, "good.yaml"), "steps:\n  - say: hello\n  - wait: { silenceMs: 300 }\n  - hangUp\n");
  await writeFile(join(folder, "vain.yaml"), "steps:\n  - wait: { sound: true, timeoutMs: 100 }\n");
  await writeFile(join(folder, "bad.yaml"), "steps:\n  - sya: hello\n");
}, 120_000);
afterAll(async () => {
  await pbx?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function sidetone(...args: string[]): Promise<{ status: number; out: string; err: string }> {
  const result = { status: -1, out: "", err: "" };
  const program = new Command();
  const deps = {
    clock: systemClock,
    log: silentLog,
    voice: async () => toneVoice,
    ear: () => Promise.reject(new Error("no recogniser")),
    write: (text: string) => {
      result.out += text;
    },
    complain: (text: string) => {
      result.err += text;
    },
  };
  addCallCommand(program, deps, (status) => {
    result.status = status;
  });
  await program.parseAsync(["node", "sidetone", "call", ...args]);
  return result;
}

const file = (name: string): string => join(folder, name);
const to = (number: string): string => `sip:${number}@127.0.0.1:${pbx.ports.sip}`;
const as = (password = "pw"): string[] => ["--user", "ann", "--password-file", file(password)];

test("a script that is fulfilled ends with 0, its figures, and a recording", async () => {
  const { status, out } = await sidetone(
    file("good.yaml"),
    "--to",
    to("echo"),
    ...as(),
    "--json",
    "--record",
    file("call.wav"),
  );
  expect(status).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    ok: true,
    end: { by: "us" },
    steps: [{ step: "say" }, { step: "wait" }, { step: "hangUp" }],
  });
  const { rate, channels } = readWav(await readFile(file("call.wav")));
  expect([rate, channels.length]).toEqual([8000, 2]);
});

test("over websocket, in plain lines", async () => {
  const { status, out } = await sidetone(
    file("good.yaml"),
    "--to",
    "sip:echo@127.0.0.1",
    "--transport",
    "ws",
    "--ws-url",
    pbx.phones[0]?.wsUrl ?? "",
    ...as(),
  );
  expect(status).toBe(0);
  expect(out).toMatch(/ok {4}say .*said "hello"[\s\S]*every step fulfilled/);
});

test("a step that is not fulfilled ends with 1", async () => {
  const { status, out } = await sidetone(file("vain.yaml"), "--to", to("echo"), ...as());
  expect(status).toBe(1);
  expect(out).toContain("waited 100 ms for the agent to speak, in vain");
});

test.each([
  ["bad.yaml", "sip:echo@127.0.0.1", /bad\.yaml:2:5: .*"sya"/],
  ["none.yaml", "sip:echo@127.0.0.1", /none\.yaml cannot be read/],
  ["good.yaml", "echo", /"echo" is no SIP address/],
])("%s to %s ends with 2 and says why", async (script, target, why) => {
  const { status, err } = await sidetone(file(script), "--to", target);
  expect(status).toBe(2);
  expect(err).toMatch(why);
});

test("no call ends with 3: wrong password, busy, nobody there", async () => {
  const wrong = await sidetone(file("good.yaml"), "--to", to("echo"), ...as("wrong"));
  expect([wrong.status, wrong.out]).toEqual([3, expect.stringContaining("user name and the password (401")]);
  const busy = await sidetone(file("good.yaml"), "--to", to("busy"), ...as());
  expect([busy.status, busy.out]).toEqual([3, expect.stringContaining("is busy (486")]);
  const nobody = await sidetone(file("good.yaml"), "--to", "sip:echo@127.0.0.1:9", ...as());
  expect([nobody.status, nobody.out + nobody.err]).toEqual([3, expect.stringContaining("nobody listens there")]);
});
