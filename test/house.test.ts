import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const root = resolve(import.meta.dirname, "..");
const source = join(root, "src");

// Imports point from a higher room to a lower one. Rooms of one height do not know each other.
const HEIGHT: Record<string, number> = {
  base: 0,
  audio: 1,
  call: 2,
  conversation: 3,
  engines: 4,
  providers: 4,
  server: 4,
  store: 4,
  caller: 4,
  config: 5,
  supervisor: 5,
  console: 5,
  cli: 6,
  service: 7,
  main: 8,
};

const MAX_LINES = 500;

interface Import {
  readonly from: string;
  readonly to: string;
}

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(ts|tsx|mjs|cjs)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));

/** The first part of the path below src/: a folder, or a top-level file's name. */
const roomOf = (file: string): string => (relative(source, file).split("/")[0] ?? "").replace(/\.ts$/, "");

/** Static and lazy imports alike; type-only ones too, because a type is knowledge as well. */
function importsOf(file: string): Import[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(/(?:from\s+|import\s*\(\s*|import\s+)["'](\.[^"']+)["']/g);
  return [...found].map(([, path]) => ({ from: file, to: resolve(dirname(file), path ?? "") }));
}

const sources = filesBelow(source);
const imports = sources.flatMap(importsOf);
const arrow = ({ from, to }: Import) => `${relative(root, from)} -> ${relative(root, to)}`;

describe("the house", () => {
  test("every room has a known height", () => {
    expect(sources.map(roomOf).filter((room) => HEIGHT[room] === undefined)).toEqual([]);
  });

  test("imports point one way", () => {
    const wrong = imports.filter(({ from, to }) => {
      if (!to.startsWith(source)) return false;
      const [above, below] = [roomOf(from), roomOf(to)];
      return above !== below && (HEIGHT[below] ?? 0) >= (HEIGHT[above] ?? 0);
    });
    expect(wrong.map(arrow)).toEqual([]);
  });

  test("calls and conversations know no engine, no provider and no socket", () => {
    const text = (file: string) => readFileSync(file, "utf8");
    const guilty = sources
      .filter((file) => ["call", "conversation", "base", "audio"].includes(roomOf(file)))
      .filter((file) => /from\s+["'](node:(net|dgram|http|https|tls|child_process)|ws|fastify)["']/.test(text(file)));
    expect(guilty.map((file) => relative(root, file))).toEqual([]);
  });

  test("no file imports itself in a circle", () => {
    const next = new Map<string, string[]>();
    for (const { from, to } of imports) next.set(from, [...(next.get(from) ?? []), to]);
    const done = new Set<string>();
    const circles: string[] = [];
    const walk = (file: string, path: string[]): void => {
      if (path.includes(file))
        circles.push([...path.slice(path.indexOf(file)), file].map((f) => relative(root, f)).join(" -> "));
      if (path.includes(file) || done.has(file)) return;
      for (const to of next.get(file) ?? []) walk(to, [...path, file]);
      done.add(file);
    };
    for (const file of sources) walk(file, []);
    expect(circles).toEqual([]);
  });

  test("no file is above 500 lines", () => {
    const all = ["src", "test", "deploy", "bench"].flatMap((folder) => filesBelow(join(root, folder)));
    const long = all
      .map((file) => ({ file: relative(root, file), lines: readFileSync(file, "utf8").split("\n").length }))
      .filter(({ lines }) => lines > MAX_LINES);
    expect(long).toEqual([]);
  });

  test("time comes from the clock", () => {
    const direct = /\b(Date\.now|performance\.now|set(Timeout|Interval|Immediate))\s*\(|new Date\(\)/;
    const guilty = sources.filter(
      (file) => !file.endsWith("/base/clock.ts") && direct.test(readFileSync(file, "utf8")),
    );
    expect(guilty.map((file) => relative(root, file))).toEqual([]);
  });

  test("only the command line writes to the terminal, and it does so on purpose", () => {
    const guilty = sources.filter((file) => /\bconsole\.\w+\(/.test(readFileSync(file, "utf8")));
    expect(guilty.map((file) => relative(root, file))).toEqual([]);
  });
});
