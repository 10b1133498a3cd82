import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { LOCAL_MODELS, type LocalModel } from "../../src/cli/models/catalogue.ts";
import { addModelsCommand } from "../../src/cli/models.ts";
import { openHttp } from "../../src/providers/http.ts";

const WORDS = "a model of very few words";
const sha256 = createHash("sha256").update(WORDS).digest("hex");

let dir: string;
let server: Server;
let asked: string[];
let written: string;
let models: LocalModel[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "sidetone-models-"));
  asked = [];
  written = "";
  server = createServer((request, response) => {
    const { url = "" } = request;
    asked.push(url);
    if (url === "/moved") response.writeHead(302, { location: "/words" }).end();
    else if (url === "/words") response.end(WORDS);
    else if (url === "/other") response.end(WORDS.toUpperCase());
    else if (url === "/endless") response.end(WORDS.repeat(100));
    else response.writeHead(404).end("nothing here");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const known = { sizeBytes: WORDS.length, sha256 };
  const of = (name: string, path: string, more: object = known) => ({
    name,
    what: "a test",
    licence: "MIT",
    needs: "nothing",
    files: [{ name: "words.onnx", url: `${at}${path}`, sizeBytes: undefined, sha256: undefined, ...more }],
  });
  models = [
    of("good", "/moved"),
    of("bad", "/other"),
    of("long", "/endless"),
    of("gone", "/gone"),
    of("new", "/words", {}),
  ];
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(dir, { recursive: true });
});

async function run(...args: string[]): Promise<string> {
  written = "";
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} });
  addModelsCommand(program, {
    models,
    write: (text) => {
      written += text;
    },
    env: { STATE_DIRECTORY: dir },
    openHttp: () => openHttp({ connectMs: 2_000 }),
  });
  await program.parseAsync(["models", ...args], { from: "user" });
  return written;
}

const pathOf = (model: string): string => join(dir, "models", model, "words.onnx");

describe("sidetone models", () => {
  test("lists what there is, without fetching any of it", async () => {
    const shown = await run("list");
    expect(shown).toContain("good  (not here)");
    expect(shown).toContain(`${WORDS.length} bytes`);
    expect(shown).toContain(sha256);
    expect(shown).toContain("licence: MIT; needs nothing");
    expect(shown).toContain("sha256 unknown: verify prints what it found");
    expect(asked).toEqual([]);
  });

  test("fetches a model when told, once, and it is verified", async () => {
    expect(await run("fetch", "good")).toContain("fetched and verified");
    expect(readFileSync(pathOf("good"), "utf8")).toBe(WORDS);
    expect(asked).toEqual(["/moved", "/words"]);
    expect(await run("fetch", "good")).toContain("is here");
    expect(asked).toHaveLength(2);
    expect(await run("verify", "good")).toContain("sound");
    expect(await run("list")).toContain("good  (here)");
  });

  test.each([
    ["bad", "has the sha256"],
    ["long", "bytes came"],
    ["gone", "the server answered 404"],
  ])("leaves nothing behind of what is not the model: %s", async (name, why) => {
    await expect(run("fetch", name)).rejects.toThrow("1 of 1 files are missing");
    expect(written).toContain(why);
    expect(readdirSync(join(dir, "models", name))).toEqual([]);
  });

  test("without a network says where the files are, and where they belong", async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const failed = run("fetch", "good");
    await expect(failed).rejects.toThrow(models[0]?.files[0]?.url);
    await expect(failed).rejects.toThrow(join(dir, "models", "good"));
    await expect(failed).rejects.toThrow("sidetone models verify good");
  });

  test("sees what is missing, what is a part, and what is another file", async () => {
    await expect(run("verify", "good")).rejects.toThrow("1 file is missing or wrong.");
    expect(written).toContain(`missing; it belongs to ${pathOf("good")}`);
    expect(await run("verify")).toContain("No model is in");
    await run("fetch", "good");
    writeFileSync(pathOf("good"), WORDS.slice(0, 10));
    await expect(run("verify")).rejects.toThrow("1 file");
    expect(written).toContain(`has 10 bytes, not ${WORDS.length}`);
    writeFileSync(pathOf("good"), WORDS.toUpperCase());
    await expect(run("verify")).rejects.toThrow("1 file");
    expect(written).toContain("has the sha256");
    expect(await run("fetch", "good")).toContain("fetched and verified");
  });

  test("says what it found where nobody has said what it should be", async () => {
    await run("fetch", "new");
    expect(await run("verify", "new")).toContain(`${WORDS.length} bytes, sha256 ${sha256}`);
  });

  test("knows no other models", async () => {
    await expect(run("fetch", "nothing")).rejects.toThrow('There is no model "nothing"; expected one of good');
  });
});

test("the recommended models come over TLS, by names that lead out of no folder, with whole checksums", () => {
  for (const { files, name } of LOCAL_MODELS) {
    expect(name).toMatch(/^[a-z0-9][a-z0-9.-]*$/);
    for (const file of files) {
      expect(file.url).toMatch(/^https:\/\//);
      expect(file.name).toMatch(/^[A-Za-z0-9][\w.-]*$/);
      expect(file.sha256 ?? "").toMatch(/^([0-9a-f]{64})?$/);
    }
  }
});
