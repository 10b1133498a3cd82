import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue as shipped } from "../../src/config/catalogue.ts";
import { agentFaults, catalogue, Folder, SOUND_AGENT, SOUND_SERVICE, serviceFaults } from "./support.ts";

const service = (rest: string) => `${SOUND_SERVICE}${rest}`;

describe("a bad sidetone.yaml says what is wrong, where, and what is allowed", () => {
  test.each([
    {
      what: "a misspelt key",
      text: service("server:\n  prot: 9000\n"),
      says: 'sidetone.yaml:7:3: unknown key "prot" in server; allowed here: host, port. Did you mean "port"?',
    },
    {
      what: "a key nobody knows",
      text: service("zebra: 1\n"),
      says: 'sidetone.yaml:6:1: unknown key "zebra" at the top; allowed here: engines, agents, defaultAgent, providers, tools, people, hours, server, limits, ladder, webhooks, turnModel, workers, supervisor, log, records, journal, memory, recording, sounds, stateDir, cacheDir',
    },
    {
      what: "text for a number",
      text: service("server: {port: many}\n"),
      says: 'sidetone.yaml:6:16: server.port: found "many"; expected a number',
    },
    {
      what: "a port too high",
      text: service("server:\n  port: 70000\n"),
      says: "sidetone.yaml:7:9: server.port: found 70000; expected at most 65535",
    },
    {
      what: "half a port",
      text: service("server:\n  port: 80.5\n"),
      says: "sidetone.yaml:7:9: server.port: found 80.5; expected a whole number",
    },
    {
      what: "a misspelt choice",
      text: service("log: {level: wran}\n"),
      says: 'sidetone.yaml:6:14: log.level: found "wran"; expected one of debug, info, warn, error. Did you mean "warn"?',
    },
    {
      what: "a value for a block",
      text: service("limits: 12\n"),
      says: "sidetone.yaml:6:9: limits: found 12; expected a mapping (key: value)",
    },
    {
      what: "a block left empty",
      text: service("server:\n"),
      says: "sidetone.yaml:6:8: server: found nothing; expected a mapping (key: value)",
    },
    {
      what: "limits that contradict each other",
      text: service("supervisor:\n  heartbeatMs: 500\n  killAfterMs: 600\n"),
      says: "sidetone.yaml:8:16: supervisor.killAfterMs: found 600; expected at least three times heartbeatMs, or every hiccup kills",
    },
    {
      what: "no engine at all",
      text: "engines: {}\n",
      says: "sidetone.yaml:1:10: engines: found a mapping; expected at least one of asterisk",
    },
    {
      what: "a misspelt engine",
      text: SOUND_SERVICE.replace("asterisk", "asteriks"),
      says: 'sidetone.yaml:2:3: unknown key "asteriks" in engines; allowed here: asterisk. Did you mean "asterisk"?',
    },
    {
      what: "a missing value",
      text: "engines:\n  asterisk:\n    ari:\n      user: me\n",
      says: "sidetone.yaml:4:7: engines.asterisk.ari.password is missing; expected text",
    },
    {
      what: "a misspelt key deep inside an engine's block",
      text: service("").replace("user:", "usr:"),
      says: 'sidetone.yaml:4:7: unknown key "usr" in engines.asterisk.ari; allowed here: url, user, password. Did you mean "user"?',
    },
    {
      what: "an unknown provider type",
      text: service("providers:\n  ear: {type: pocketsfinx}\n"),
      says: 'sidetone.yaml:7:15: providers.ear.type: found "pocketsfinx"; expected one of fvad, pocketsphinx, scripted, flite, cloud. Did you mean "pocketsphinx"?',
    },
    {
      what: "a provider's unknown option",
      text: service("providers:\n  voice: {type: flite, vioce: rms}\n"),
      says: 'sidetone.yaml:7:24: unknown key "vioce" in providers.voice; allowed here: voice. Did you mean "voice"?',
    },
    {
      what: "a provider for two stages without saying which",
      text: service("providers:\n  ear: {type: cloud, apiKey: {env: ARI_PASSWORD}}\n"),
      says: 'sidetone.yaml:7:8: providers.ear.stage: missing; expected one of stt, tts, because "cloud" serves stt and tts',
    },
    {
      what: "a provider without a type",
      text: service("providers:\n  ear: {}\n"),
      says: "sidetone.yaml:7:8: providers.ear.type is missing; expected text",
    },
    {
      what: "a name that cannot be one",
      text: service("providers:\n  My Ear: {type: fvad}\n"),
      says: 'sidetone.yaml:7:3: providers.My Ear: "My Ear" cannot be a name here: a name: small letters, digits, - and _, beginning with a letter, 32 at most',
    },
    {
      what: "a default agent that is not there",
      text: service("defaultAgent: recption\n"),
      says: 'sidetone.yaml:6:15: defaultAgent: found "recption"; expected one of reception. Did you mean "reception"?',
    },
    {
      what: "an agents' folder that is not there",
      text: service("agents: ./nowhere\n"),
      says: /^sidetone\.yaml:6:9: agents: the folder nowhere: there is no such folder$/,
    },
    {
      what: "a doubled key",
      text: service("log: {}\nlog: {}\n"),
      says: 'sidetone.yaml:7:1: the key "log" stands here a second time',
    },
    {
      what: "a tab",
      text: service("server:\n\tport: 1\n"),
      says: "sidetone.yaml:7:1: a tab indents this line; YAML allows spaces only",
    },
    {
      what: "two colons",
      text: service("agents: a: b\n"),
      says: 'sidetone.yaml:6:9: a second ": " in one line; put the text into quotes if it belongs to the value',
    },
    {
      what: "an open quote",
      text: 'agents: "here\n',
      says: /^sidetone\.yaml:2:1: not valid YAML: Missing closing "quote/,
    },
    {
      what: "a second document",
      text: `${SOUND_SERVICE}---\na: 1\n`,
      says: /^sidetone\.yaml:6:1: a second document begins here/,
    },
    { what: "nothing in it", text: "", says: "sidetone.yaml:1:1: the file is empty" },
    { what: "only a comment in it", text: "# later\n", says: "sidetone.yaml:1:1: the file is empty" },
    {
      what: "a list for the whole",
      text: "- 1\n",
      says: 'sidetone.yaml:1:1: the file must be a mapping: lines of the form "key: value"',
    },
    {
      what: "a tag of another program",
      text: service("agents: !!js/function x\n"),
      says: /^sidetone\.yaml:6:9: not valid YAML: Unresolved tag/,
    },
    {
      what: "an alias to nowhere",
      text: service("agents: *nope\n"),
      says: "sidetone.yaml:1:1: the alias *nope refers to an anchor that is not there",
    },
    {
      what: "bytes that are no text",
      text: Buffer.from([0xff, 0xfe, 0x00, 0x41]),
      says: "sidetone.yaml:1:1: this is not UTF-8 text",
    },
    {
      what: "ten megabytes",
      text: "a: 1\n".repeat(2_000_000),
      says: "sidetone.yaml:1:1: the file has 9.5 MB; the limit is 512 KB",
    },
    {
      what: "a thousand brackets",
      text: `agents: ${"[".repeat(5000)}`,
      says: /^sidetone\.yaml:1:\d+: nested too deeply$/,
    },
  ])("$what", ({ text, says }) => {
    expect(serviceFaults(text)).toEqual([typeof says === "string" ? says : expect.stringMatching(says)]);
  });

  test("a bomb of aliases is not unfolded", () => {
    const rows = Array.from({ length: 9 }, (_, i) => `a${i + 1}: &a${i + 1} [${Array(9).fill(`*a${i}`).join(", ")}]`);
    const faults = serviceFaults(`a0: &a0 [x, x]\n${rows.join("\n")}\n`);
    expect(faults).toEqual(["sidetone.yaml:1:1: too many aliases: the file would unfold without end"]);
  });

  test("no file, a folder in its place, a file one may not read", () => {
    using folder = new Folder();
    expect(folder.faults()).toEqual(["sidetone.yaml:1:1: there is no such file"]);
    mkdirSync(folder.file);
    expect(folder.faults()).toEqual(["sidetone.yaml:1:1: this is a folder, a file was expected"]);
    using locked = new Folder({ "sidetone.yaml": SOUND_SERVICE, "agents/reception.yaml": SOUND_AGENT });
    chmodSync(locked.file, 0o000);
    // Root may read everything; whoever else runs this sees the refusal.
    const expected = process.getuid?.() === 0 ? [] : [expect.stringContaining("permission denied")];
    expect(locked.faults()).toEqual(expected);
  });

  test("all faults of all files come at once", () => {
    using folder = new Folder({
      "sidetone.yaml": service("server: {prot: 1}\nlog: {level: loud}\nproviders: {ear: {type: nose}}\n"),
      "agents/one.yaml": "greeting: [1]\nvioce: x\n",
      "agents/two.yaml": "\tgreeting: Hi\n",
    });
    expect(folder.faults().map((line) => line.split(":").slice(0, 3).join(":"))).toEqual([
      "sidetone.yaml:6:10",
      "sidetone.yaml:7:14",
      "sidetone.yaml:8:25",
      "agents/one.yaml:1:11",
      "agents/one.yaml:2:1",
      "agents/two.yaml:1:1",
    ]);
  });
});

describe("a bad agent file", () => {
  test.each([
    {
      what: "no greeting",
      text: "script: {else: Pardon?}\n",
      says: "agents/reception.yaml:1:1: greeting is missing; expected text",
    },
    {
      what: "a misspelt key",
      text: `${SOUND_AGENT}puaseMs: 500\n`,
      says: /^agents\/reception\.yaml:4:1: unknown key "puaseMs" at the top; allowed here: name, numbers, .* Did you mean "pauseMs"\?$/,
    },
    {
      what: "a provider that is not configured",
      text: `${SOUND_AGENT}tts: flit\n`,
      says: 'agents/reception.yaml:4:6: tts: found "flit"; expected one of flite. Did you mean "flite"?',
    },
    {
      what: "a provider of another stage in a list",
      text: `${SOUND_AGENT}stt: [pocketsphinx, fvad]\n`,
      says: 'agents/reception.yaml:4:21: stt[1]: found "fvad"; expected one of pocketsphinx',
    },
    {
      what: "an empty list of providers",
      text: `${SOUND_AGENT}stt: []\n`,
      says: "agents/reception.yaml:4:6: stt: found a list of 0; expected a list of at least 1 entries",
    },
    {
      what: "a pause too short to be one",
      text: `${SOUND_AGENT}pauseMs: 20\n`,
      says: "agents/reception.yaml:4:10: pauseMs: found 20; expected at least 200",
    },
    {
      what: "no script for the scripted model",
      text: "greeting: Hello.\n",
      says: "agents/reception.yaml:1:1: script is missing; this agent answers by its script, unless llm names a language model",
    },
    {
      what: "a number with a blank",
      text: `${SOUND_AGENT}numbers: ["030 123"]\n`,
      says: 'agents/reception.yaml:4:11: numbers[0]: found "030 123"; expected a number or extension as the PBX writes it',
    },
    {
      what: "a number that YAML took for a number",
      text: `${SOUND_AGENT}numbers: [100]\n`,
      says: "agents/reception.yaml:4:11: numbers[0]: found 100; expected text",
    },
    {
      what: "a transfer to somebody the agent may not transfer to",
      text: "greeting: Hello.\nscript:\n  else: Pardon?\n  to: suport\ntargets: [support, sales]\n",
      says: 'agents/reception.yaml:4:7: script.to: found "suport"; expected one of targets: support, sales. Did you mean "support"?',
    },
    {
      what: "a script's unknown key",
      text: `${SOUND_AGENT}  els: x\n`,
      says: /^agents\/reception\.yaml:4:3: unknown key "els" in script;/,
    },
  ])("$what", ({ text, says }) => {
    expect(agentFaults(text)).toEqual([typeof says === "string" ? says : expect.stringMatching(says)]);
  });

  test.each([
    {
      what: "an action that is none",
      line: "action: {forward: support}",
      says: '6:16: unknown key "forward" in script.intents[0].action; allowed here: transfer, reason, warm, hangUp',
    },
    {
      what: "a misspelt action",
      line: "action: {transfr: support}",
      says: '6:16: unknown key "transfr" in script.intents[0].action; allowed here: transfer, reason, warm, hangUp. Did you mean "transfer"?',
    },
    {
      what: "an action without its braces",
      line: "action: hangUp",
      says: '6:15: script.intents[0].action: found "hangUp"; expected a mapping with transfer or a mapping with hangUp',
    },
    {
      what: "an empty action",
      line: "action: {}",
      says: "6:15: script.intents[0].action: found a mapping; expected a mapping with transfer or a mapping with hangUp",
    },
    {
      what: "two actions in one",
      line: "action: {transfer: support, hangUp: true}",
      says: "6:35: script.intents[0].action.hangUp cannot stand beside transfer, reason, warm; expected one of transfer, reason, warm, hangUp",
    },
    {
      what: "yes for true",
      line: "action: {hangUp: yes}",
      says: '6:24: script.intents[0].action.hangUp: found "yes"; expected true',
    },
    {
      what: "a misspelt kind of question",
      line: "slots: [{name: room, type: digit, ask: Which?}]",
      says: '6:34: script.intents[0].slots[0].type: found "digit"; expected one of digits, yesno, collector, tool. Did you mean "digits"?',
    },
    {
      what: "a question of no kind",
      line: "slots: [{name: room, ask: Which?}]",
      says: "6:15: script.intents[0].slots[0].type is missing; expected one of digits, yesno, collector, tool",
    },
    {
      what: "a key of the other kind of question",
      line: "slots: [{name: room, type: digits, ask: Which?, no: Well.}]",
      says: '6:55: unknown key "no" in script.intents[0].slots[0]; allowed here: name, type, ask, min, max',
    },
  ])("a script with $what", ({ line, says }) => {
    const { script, targetsOf } = shipped;
    const text = `greeting: Hello.\nscript:\n  intents:\n    - name: person\n      answer: Gladly.\n      ${line}\n  else: Pardon?\ntargets: [support]\n`;
    expect(agentFaults(text, { ...catalogue, script, targetsOf })).toEqual([`agents/reception.yaml:${says}`]);
  });

  test("a misspelt default agent is told together with all other faults, as far as the agents' names are known", () => {
    using folder = new Folder({
      "sidetone.yaml": service("defaultAgent: recption\nserver: {prot: 1}\n"),
      "agents/reception.yaml": `${SOUND_AGENT}pauseMs: 20\n`,
      "agents/b.yaml": `name: sales\n${SOUND_AGENT}`,
    });
    expect(folder.faults()).toEqual([
      expect.stringContaining('sidetone.yaml:7:10: unknown key "prot"'),
      expect.stringContaining("agents/reception.yaml:4:10: pauseMs"),
      'sidetone.yaml:6:15: defaultAgent: found "recption"; expected one of sales, reception. Did you mean "reception"?',
    ]);
    // The one that cannot be read may be the very one.
    folder.write("agents/c.yaml", "\tname: recption\n");
    expect(folder.faults().filter((line) => line.includes("defaultAgent:"))).toEqual([]);
  });

  test("a default agent under a misspelt key, or that is no name, is one fault", () => {
    using folder = new Folder({ "agents/a.yaml": SOUND_AGENT, "agents/b.yaml": SOUND_AGENT });
    folder.write("sidetone.yaml", service("defaultAgnet: a\n"));
    expect(folder.faults()).toEqual([expect.stringContaining('Did you mean "defaultAgent"?')]);
    folder.write("sidetone.yaml", service("defaultAgent: A B\n"));
    expect(folder.faults()).toEqual([expect.stringContaining('defaultAgent: found "A B"; expected a name')]);
  });

  test("a doubled key hides no other fault of its file", () => {
    expect(serviceFaults(service("log: {}\nlog: {level: wran}\n"))).toEqual([
      'sidetone.yaml:7:1: the key "log" stands here a second time',
      expect.stringContaining("sidetone.yaml:7:14: log.level"),
    ]);
    expect(agentFaults(`${SOUND_AGENT}greeting: Hi.\npuaseMs: 500\n`)).toEqual([
      'agents/reception.yaml:4:1: the key "greeting" stands here a second time',
      expect.stringContaining('agents/reception.yaml:5:1: unknown key "puaseMs"'),
    ]);
  });

  test("two agents of one name, two agents for one number", () => {
    using folder = new Folder({
      "sidetone.yaml": service("defaultAgent: one\n"),
      "agents/a.yaml": `name: one\nnumbers: ["100"]\n${SOUND_AGENT}`,
      "agents/b.yaml": `name: one\nnumbers: ["100"]\n${SOUND_AGENT}`,
    });
    expect(folder.faults()).toEqual([
      'agents/b.yaml:1:1: the agent "one" is already in agents/a.yaml',
      'agents/b.yaml:1:1: the number 100 is already answered by "one"',
    ]);
  });

  test("several agents need a default one; a folder without any is a fault", () => {
    using folder = new Folder({
      "sidetone.yaml": SOUND_SERVICE,
      "agents/a.yaml": SOUND_AGENT,
      "agents/b.yaml": SOUND_AGENT,
    });
    expect(folder.faults()).toEqual(["sidetone.yaml:1:1: defaultAgent is missing; expected one of a, b"]);
    using empty = new Folder({ "sidetone.yaml": SOUND_SERVICE });
    mkdirSync(join(empty.path, "agents"));
    writeFileSync(join(empty.path, "agents", "notes.txt"), "");
    expect(empty.faults()).toEqual([expect.stringContaining("holds no agent file (*.yaml)")]);
  });
});
