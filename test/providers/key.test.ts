import { chmodSync, renameSync, rmSync } from "node:fs";
import { inspect } from "node:util";
import { expect, test } from "vitest";
import { type Key, keySchema } from "../../src/providers/key.ts";
import { Folder, SOUND_AGENT, SOUND_SERVICE } from "../config/support.ts";

const SECRET = "sk-live-0123456789";

function configured(folder: Folder): Key {
  const options = folder.load().providers.tts.voice?.options;
  return (options as { apiKey: Key }).apiKey;
}

const withKeyFile = (): Folder => {
  const folder = new Folder({
    "sidetone.yaml": `${SOUND_SERVICE}providers:\n  voice: {type: cloud, stage: tts, apiKey: {file: key}}\n`,
    "agents/reception.yaml": SOUND_AGENT,
  });
  chmodSync(folder.write("key", `${SECRET}\n`), 0o600);
  return folder;
};

test("a key that is rotated in its file is the one of the next request, without a restart", () => {
  using folder = withKeyFile();
  const key = configured(folder);
  expect(key.current()).toBe(SECRET);
  folder.write("key", "sk-rotated\n");
  expect(key.current()).toBe("sk-rotated");
  renameSync(folder.write("key.new", "sk-renamed"), `${folder.path}/key`);
  expect(key.current()).toBe("sk-renamed");
});

test("while its file is being replaced, gone or empty, the old key is used", () => {
  using folder = withKeyFile();
  const key = configured(folder);
  folder.write("key", "");
  expect(key.current()).toBe(SECRET);
  rmSync(`${folder.path}/key`);
  expect(key.current()).toBe(SECRET);
  folder.write("key", "sk-back");
  expect(key.current()).toBe("sk-back");
});

test("nobody who prints or logs a configuration prints a key", () => {
  using folder = withKeyFile();
  const { providers } = folder.load();
  const printed = [JSON.stringify(providers.tts.voice), inspect(providers, { depth: 9, showHidden: true })].join();
  expect(printed).toContain("[key]");
  expect(printed).not.toContain(SECRET);
  expect(`${keySchema.parse(SECRET)}`).toBe("[key]");
});
