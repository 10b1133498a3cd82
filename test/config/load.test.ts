import { chmodSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatFault } from "../../src/config/fault.ts";
import { editDistance, nearest } from "../../src/config/nearest.ts";
import type { Key } from "../../src/providers/key.ts";
import { ENV, Folder, SOUND_AGENT, SOUND_SERVICE, serviceFaults } from "./support.ts";

const SECRET = "swordfish";
const withPassword = (source: string) => SOUND_SERVICE.replace("{env: ARI_PASSWORD}", source);

describe("a sound configuration", () => {
  test("is complete with its defaults, and nobody can change it afterwards", () => {
    using folder = new Folder({
      "sidetone.yaml": SOUND_SERVICE,
      "agents/reception.yaml": `${SOUND_AGENT}numbers: ["+4930123"]\n`,
    });
    const config = folder.load();
    expect(config.server).toEqual({ host: "127.0.0.1", port: 9080 });
    expect(config.supervisor).toMatchObject({ heartbeatMs: 100, killAfterMs: 700 });
    expect(config.defaultAgent).toBe("reception");
    expect(config.numbers).toEqual({ "+4930123": "reception" });
    expect(config.agents.reception?.choices).toEqual({
      vad: ["fvad"],
      stt: ["pocketsphinx"],
      llm: ["scripted"],
      tts: ["flite"],
      speech: [],
    });
    expect(config.stateDir).toBe("/home/pbx/.local/state/sidetone");
    expect(() => Object.assign(config.server, { port: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.agents.reception?.prompts ?? {}, { apology: "x" })).toThrow(TypeError);
  });

  test("an agent's own limits stand above the common ones", () => {
    using folder = new Folder({
      "sidetone.yaml": `${SOUND_SERVICE}limits: {callMinutes: 10, turns: 20}\n`,
      "agents/reception.yaml": `${SOUND_AGENT}limits: {turns: 5}\n`,
    });
    expect(folder.load().agents.reception?.limits).toMatchObject({ callMinutes: 10, turns: 5, silenceSeconds: 8 });
  });

  test("providers get names of their own, and agents a list of them", () => {
    using folder = new Folder({
      "sidetone.yaml": `${SOUND_SERVICE}providers:\n  cloud-ear: {type: cloud, stage: stt, apiKey: {env: ARI_PASSWORD}}\n  low: {type: fvad, mode: 1}\n`,
      "agents/reception.yaml": `${SOUND_AGENT}stt: [cloud-ear, pocketsphinx]\nvad: low\n`,
    });
    const config = folder.load();
    expect(config.agents.reception?.choices).toMatchObject({ stt: ["cloud-ear", "pocketsphinx"], vad: ["low"] });
    const cloud = config.providers.stt["cloud-ear"]?.options;
    expect((cloud as { apiKey: Key }).apiKey.current()).toBe(SECRET);
    expect(config.providers.vad.low?.options).toEqual({ mode: 1 });
  });

  test("a turn model is used where its file is named, relative to the configuration's folder", () => {
    using folder = new Folder({
      "sidetone.yaml": `${SOUND_SERVICE}turnModel: {file: models/turn.onnx, threshold: 0.6}\n`,
      "agents/reception.yaml": SOUND_AGENT,
    });
    const config = folder.load();
    expect(config.turnModel).toMatchObject({ deadlineMs: 150, threshold: 0.6, completeMs: 300, incompleteMs: 1500 });
    expect(config.turnModel?.file).toBe(join(dirname(folder.file), "models/turn.onnx"));
    expect(config.agents.reception?.turnModel).toBe(true);
    using plain = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": SOUND_AGENT });
    expect(plain.load().turnModel).toBeUndefined();
  });

  test("systemd says where state and cache live, unless the file does", () => {
    using folder = new Folder({
      "sidetone.yaml": `${SOUND_SERVICE}cacheDir: ./cache\n`,
      "agents/reception.yaml": SOUND_AGENT,
    });
    const config = folder.load({
      ...ENV,
      STATE_DIRECTORY: "/var/lib/sidetone",
      CACHE_DIRECTORY: "/var/cache/sidetone",
    });
    expect(config.stateDir).toBe("/var/lib/sidetone");
    expect(config.cacheDir).toBe(`${folder.path}/cache`);
  });
});

describe("secrets", () => {
  const passwordOf = (folder: Folder, env: Record<string, string> = ENV) =>
    (folder.load(env).engines.asterisk as { ari: { password: string } }).ari.password;

  test("come from the environment, from a file, from systemd's credentials", () => {
    using folder = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": SOUND_AGENT });
    expect(passwordOf(folder)).toBe(SECRET);
    chmodSync(folder.write("secret", `${SECRET}\n`), 0o600);
    folder.write("sidetone.yaml", withPassword("{file: secret}"));
    expect(passwordOf(folder)).toBe(SECRET);
    folder.write("sidetone.yaml", withPassword("{credential: secret}"));
    expect(passwordOf(folder, { CREDENTIALS_DIRECTORY: folder.path })).toBe(SECRET);
    expect(folder.load({ ...ENV, CREDENTIALS_DIRECTORY: folder.path }).warnings).toEqual([]);
  });

  test.each([
    {
      source: "{env: NOT_THERE}",
      says: "engines.asterisk.ari.password: the environment variable NOT_THERE is not set",
    },
    { source: "{file: not-there}", says: "not-there: there is no such file" },
    { source: "{file: agents}", says: "agents: this is no ordinary file" },
    {
      source: "{credential: ari}",
      says: "the credential ari is given by systemd (LoadCredential=ari:…), and this process was not started with any",
    },
    {
      source: "{enf: X}",
      says: 'unknown key "enf" in engines.asterisk.ari.password; allowed here: env, file, credential. Did you mean "env"?',
    },
    { source: "{}", says: "expected exactly one of {env: NAME}, {file: PATH}, {credential: NAME}" },
    { source: "{env: [A]}", says: "expected exactly one of {env: NAME}, {file: PATH}, {credential: NAME}" },
  ])("a source that is not there says so: $source", ({ source, says }) => {
    expect(serviceFaults(withPassword(source))).toEqual([expect.stringContaining(says)]);
  });

  test("a credential's name leads out of no folder", () => {
    const faults = serviceFaults(withPassword("{credential: ../../etc/passwd}"), { CREDENTIALS_DIRECTORY: "/tmp" });
    expect(faults[0]).toContain("is no credential's name");
  });

  test("in clear text they work and are warned of, and no message repeats them", () => {
    using folder = new Folder({ "sidetone.yaml": withPassword(SECRET), "agents/reception.yaml": SOUND_AGENT });
    expect(passwordOf(folder)).toBe(SECRET);
    const warnings = folder.load().warnings.map(formatFault);
    expect(warnings).toEqual([expect.stringContaining(":5:17: engines.asterisk.ari.password: a secret in clear text")]);
    const messages = [
      ...warnings,
      ...serviceFaults(withPassword(`[${SECRET}]`)),
      ...serviceFaults(withPassword(`"${SECRET}`)),
      ...serviceFaults(withPassword(`${SECRET}: x: y`)),
      ...serviceFaults(SOUND_SERVICE.replace("password:", "pasword:").replace("{env: ARI_PASSWORD}", SECRET)),
    ];
    expect(messages.length).toBeGreaterThan(4);
    expect(messages.filter((message) => message.includes(SECRET))).toEqual([]);
  });

  test("a file that others may read is warned of", () => {
    using folder = new Folder({
      "sidetone.yaml": withPassword("{file: secret}"),
      "agents/reception.yaml": SOUND_AGENT,
      secret: SECRET,
    });
    chmodSync(`${folder.path}/secret`, 0o644);
    expect(folder.load().warnings.map(formatFault)).toEqual([
      expect.stringContaining("may be read by others; chmod 0600 it"),
    ]);
  });
});

describe("the likely word", () => {
  test("is one slip away, a swap of neighbours included, and never another word", () => {
    expect(editDistance("prot", "port")).toBe(1);
    expect(editDistance("", "port")).toBe(4);
    expect(nearest("greting", ["greeting", "language"])).toBe("greeting");
    expect(nearest("pausems", ["pauseMs"])).toBe("pauseMs");
    expect(nearest("zebra", ["port", "host"])).toBeUndefined();
  });
});
