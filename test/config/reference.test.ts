import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { catalogue as shipped } from "../../src/config/catalogue.ts";
import { loadConfig } from "../../src/config/load.ts";
import { configurationReference } from "../../src/config/reference.ts";
import { catalogue, Folder } from "./support.ts";

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
      ari: "a",
      ami: "b",
    });
    const config = loadConfig(folder.file, { catalogue: shipped, env: { CREDENTIALS_DIRECTORY: folder.path } });
    expect(config.defaultAgent).toBe("reception");
  });
});
