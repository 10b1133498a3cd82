import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue as shipped } from "../../src/config/catalogue.ts";
import { loadConfig } from "../../src/config/load.ts";
import { configurationReference } from "../../src/config/reference.ts";
import type { Message } from "../../src/conversation/providers.ts";
import { scriptSchema } from "../../src/providers/llm/scripted/script.ts";
import { createScripted } from "../../src/providers/llm/scripted.ts";
import { FLITE_VOICES } from "../../src/providers/tts/flite.ts";
import { catalogue, ENV, Folder, SOUND_SERVICE } from "./support.ts";

const root = resolve(import.meta.dirname, "..", "..");

describe("the reference of the configuration", () => {
  test("is the one that the schema gives (npm run docs writes it)", () => {
    expect(readFileSync(join(root, "docs", "configuration.md"), "utf8")).toBe(configurationReference(shipped));
  });

  test("says for every key what may stand there, and what holds when it does not", () => {
    const text = configurationReference(catalogue);
    expect(text).toContain("| `server.port` | whole number, 0 to 65535 | `9080` |");
    expect(text).toContain("| `engines.asterisk.ari.user` | text | **required** |");
    expect(text).toContain("| `engines.asterisk.ari.password` | secret, see above | **required** |");
    expect(text).toContain('| `log.level` | `debug`, `info`, `warn`, `error` | `"info"` |');
    expect(text).toContain("### flite (tts)");
  });

  test("the shipped examples are sound", () => {
    const read = (file: string) => readFileSync(join(root, file), "utf8");
    using folder = new Folder({
      "sidetone.yaml": read("deploy/sidetone.example.yaml"),
      "agents/reception.yaml": read("agents/reception.yaml"),
      "ari.password": "a",
      "ami.password": "b",
    });
    const config = loadConfig(folder.file, { catalogue: shipped, env: {} });
    expect(config.defaultAgent).toBe("reception");
  });

  test("shows every form of an action and of a question, and who serves an agent that names nobody", () => {
    const text = configurationReference(shipped);
    expect(text).toContain("| `script.intents[].action.transfer` | text | **required**, or `hangUp` |");
    expect(text).toContain("| `script.intents[].action.hangUp` | `true` | **required**, or `transfer` |");
    expect(text).toContain(
      "| `script.intents[].slots[].type` | `digits`, `yesno`, `collector`, `tool` | **required** |",
    );
    expect(text).toContain(
      "| `script.intents[].slots[].min` | whole number, 1 to 40 | `1` | Only with `type: digits`.",
    );
    expect(text).toContain("| `script.intents[].slots[].no` | text, or list of text |  | Only with `type: yesno`.");
    for (const [stage, name] of Object.entries(shipped.defaults))
      expect(text).toContain(`| \`${stage}\` | text, or list of text | \`"${name}"\` |`);
  });
});

describe("the page about agent files", () => {
  const page = readFileSync(join(root, "docs", "agents.md"), "utf8");
  const [, hotel = ""] = /```yaml\n(# \/etc\/sidetone\/agents\/hotel\.yaml\n[\s\S]*?)```/.exec(page) ?? [];
  const files = { "sidetone.yaml": SOUND_SERVICE, "agents/hotel.yaml": hotel };

  async function answerTo(...said: string[]): Promise<string> {
    using folder = new Folder(files);
    const { script } = loadAs(folder).agents.hotel ?? {};
    const model = createScripted(scriptSchema.parse(script));
    const messages: Message[] = [];
    let answer = "";
    for (const content of said) {
      messages.push({ role: "user", content });
      answer = "";
      for await (const part of model.reply(messages, { signal: AbortSignal.timeout(5000), tools: [] }))
        answer += part.type === "text" ? part.text : ` ${part.name} ${JSON.stringify(part.input)}`;
      messages.push({ role: "assistant", content: answer });
    }
    return answer;
  }
  const loadAs = (folder: Folder) => {
    const { script, targetsOf } = shipped;
    return folder.load(ENV, { ...catalogue, script, targetsOf });
  };

  test("its hotel can be loaded as it stands", () => {
    using folder = new Folder(files);
    const { agents, numbers } = loadAs(folder);
    expect(agents.hotel).toMatchObject({ voice: "rms", targets: ["reception", "restaurant"] });
    expect(numbers["4200"]).toBe("hotel");
    expect(FLITE_VOICES).toContain(agents.hotel?.voice);
    for (const voice of FLITE_VOICES) expect(page).toContain(`\`${voice}\``);
  });

  test.each([
    { said: ["could you tell me when you serve breakfast"], answer: /^Breakfast is served/ },
    { said: ["when is breakfast", "and on sunday"], answer: /^At the weekend/ },
    { said: ["what time can I check in", "when can I check in"], answer: /^From three/ },
    { said: ["please wake me tomorrow", "204", "yes"], answer: /noted room 2 0 4,/ },
    { said: ["please wake me tomorrow", "20"], answer: /^Yes, go on\.$/ },
    { said: ["please wake me tomorrow", "204", "no"], answer: /^Then I will not trouble you/ },
    { said: ["I want to book a table"], answer: /transfer {"target":"restaurant","reason":"table"}$/ },
    { said: ["0"], answer: /transfer {"target":"reception","reason":"person"}$/ },
    { said: ["thank you goodbye"], answer: /hang_up {}$/ },
    { said: ["the moon is made of cheese"], answer: /^Sorry, I did not catch that/ },
  ])("its caller who says $said gets what the page says", async ({ said, answer }) => {
    expect(await answerTo(...said)).toMatch(answer);
  });
});
