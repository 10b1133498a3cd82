import { describe, expect, test } from "vitest";
import { checkPrompts, termsOf } from "../../src/cli/check/prompt.ts";
import { catalogue } from "../../src/config/catalogue.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Folder } from "../config/support.ts";

const SERVICE = `engines:
  asterisk: {ari: {user: sidetone, password: {env: P}}, ami: {user: sidetone, password: {env: P}}}
providers:
  brain:
    type: openai
    model: small
    apiKey: {env: P}
`;

/** The warnings about an agent file, without the folder's name. */
function warnings(agent: string, service = SERVICE): string[] {
  using folder = new Folder({ "sidetone.yaml": service, "agents/hotel.yaml": agent });
  const config = loadConfig(folder.file, { catalogue, env: { P: "x" } });
  return checkPrompts(config).map(
    ({ level, what, todo }) => `${level} ${what.replaceAll(`${folder.path}/`, "")} ${todo}`,
  );
}

const GOOD = `greeting: Hotel Bellevue, good day. How can I help you?
llm: brain
keywords: [Bellevue, WLAN]
prompt: |
  You answer the telephone of the Bellevue.
  Guests ask for the WLAN password: it is at the reception.
`;
const LIMITED = `${SERVICE}    maxTokens: 300\n`;

describe("sidetone check, of an agent's prompt", () => {
  test("has nothing to say of a short one with a greeting, a limit and its terms among the keywords", () => {
    expect(warnings(GOOD, LIMITED)).toEqual([]);
  });

  test("says where a model has no limit of tokens", () => {
    expect(warnings(GOOD)).toEqual([
      expect.stringMatching(/^warn sidetone\.yaml:4:3: The model brain of hotel has no maxTokens/),
    ]);
  });

  test("misses a greeting, at its place", () => {
    const [found] = warnings(GOOD.replace(/^greeting: .*$/m, 'greeting: ""'), LIMITED);
    expect(found).toMatch(/^warn agents\/hotel\.yaml:1:11: hotel has no greeting\./);
  });

  test("counts the words of a long prompt", () => {
    const long = `${GOOD}${"  Be kind to every guest who calls us.\n".repeat(70)}`;
    const [found] = warnings(long, LIMITED);
    expect(found).toMatch(/^warn agents\/hotel\.yaml:4:9: The prompt of hotel has 5\d\d words; more than 500/);
  });

  test("finds questions in series, in the prompt and in what is said, with the line", () => {
    const asks = `${GOOD}  Then ask: What is your name? What is your room number?\n`;
    expect(warnings(asks, LIMITED)[0]).toMatch(
      /^warn agents\/hotel\.yaml:4:9: .*in series \(line 7: "What is your room number\?"\)/,
    );
    const greets = GOOD.replace("How can I help you?", "Who is calling? What do you want?");
    expect(warnings(greets, LIMITED)[0]).toMatch(
      /^warn agents\/hotel\.yaml:1:11: What is said here asks several questions/,
    );
    const scripted =
      "greeting: Hello.\nscript:\n  intents:\n    - {name: a, keywords: [a], answer: One? Or two?}\n  else: Pardon?\n";
    expect(warnings(scripted)[0]).toMatch(/^warn agents\/hotel\.yaml:4:\d+: What is said here/);
  });

  test("names the terms that the recogniser does not expect, with their lines", () => {
    const [found] = warnings(GOOD.replace("keywords: [Bellevue, WLAN]\n", ""), LIMITED);
    expect(found).toContain("terms that are not among its keywords: Bellevue (line 4), WLAN (line 5).");
  });
});

test("terms are what a general recogniser would not guess; a German noun is none", () => {
  expect(termsOf("Say that Dr. Okonkwo is away. Offer the ECG200 on Monday.", "en")).toEqual(["Okonkwo", "ECG200"]);
  expect(termsOf("Nenne die Adresse und das EKG. Frage nach der Uhrzeit.", "de")).toEqual(["EKG"]);
  expect(termsOf("# Rules For The Front Desk\nBe brief.", "en")).toEqual([]);
});
