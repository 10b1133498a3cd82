import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type YAMLError,
} from "yaml";
import type { Fault, Path, Place } from "./fault.ts";
import type { Files } from "./files.ts";

const ALIAS_LIMIT = 100;
const SYNTAX_FAULTS_SHOWN = 10;
const TOO_DEEP = "nested too deeply";

/** A YAML file's plain value, and where in the file each part of it stands. */
export interface YamlFile {
  readonly path: string;
  readonly value: unknown;
  /** Where the value at `path` stands; the nearest enclosing one when it is missing. */
  placeOf(path: Path): Place;
  /** Where the key itself stands. */
  placeOfKey(path: Path): Place;
}

/** Reads and parses; every fault of the syntax at once. The value is there when there is none but doubled keys. */
export function readYamlFile(path: string, files: Files): { file?: YamlFile; faults: Fault[] } {
  const read = files.read(path);
  if (typeof read !== "string") return { faults: [{ file: path, line: 1, column: 1, problem: read.problem }] };
  return parseYamlText(path, read);
}

export function parseYamlText(path: string, text: string): { file?: YamlFile; faults: Fault[] } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: "error" });
  const place = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line, column: col };
  };
  const complaints: YAMLError[] = [...document.errors, ...document.warnings];
  const syntax = onePerLine(
    complaints.map((error) => ({ file: path, ...place(error.pos[0]), problem: describe(error, text) })),
  ).slice(0, SYNTAX_FAULTS_SHOWN);
  // A doubled key leaves the rest of the file as it is: the last one counts, and the other faults are told as well.
  if (complaints.some(({ code }) => code !== "DUPLICATE_KEY")) return { faults: syntax };
  const fault = (problem: string): { faults: Fault[] } => ({
    faults: [...syntax, { file: path, line: 1, column: 1, problem }],
  });
  if (document.contents === null) return fault("the file is empty");
  if (!isMap(document.contents)) return fault('the file must be a mapping: lines of the form "key: value"');
  let value: unknown;
  try {
    value = document.toJS({ maxAliasCount: ALIAS_LIMIT });
  } catch (error) {
    // The parser's own refusals: aliases that multiply without end, or that point nowhere.
    const unknown = /Unresolved alias[^:]*: (.*)$/.exec(String(error))?.[1];
    return fault(
      unknown
        ? `the alias *${unknown} refers to an anchor that is not there`
        : "too many aliases: the file would unfold without end",
    );
  }
  return {
    file: { path, value, placeOf: locate(document, place, false), placeOfKey: locate(document, place, true) },
    faults: syntax,
  };
}

function describe(error: YAMLError, text: string): string {
  const line = text.slice(0, error.pos[0]).split("\n").length - 1;
  const shown = (text.split("\n")[line] ?? "").trim().slice(0, 40);
  if (error.message.startsWith("Maximum call stack")) return TOO_DEEP;
  switch (error.code) {
    case "DUPLICATE_KEY": {
      const key = /^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0] ?? "";
      return `the key "${key}" stands here a second time`;
    }
    case "TAB_AS_INDENT":
      return "a tab indents this line; YAML allows spaces only";
    case "MULTIPLE_DOCS":
      return 'a second document begins here ("---"); one file holds one';
    case "BLOCK_AS_IMPLICIT_KEY":
      return 'a second ": " in one line; put the text into quotes if it belongs to the value';
    default:
      return `not valid YAML: ${error.message.split("\n")[0]}${looksSecret(shown) || shown === "" ? "" : ` (at "${shown}")`}`;
  }
}

const looksSecret = (line: string): boolean => /(password|secret|token|key)["']?\s*:/i.test(line);

/** A broken line often breaks the parser's view of the next ones too: one fault for each line is enough. */
function onePerLine(faults: Fault[]): Fault[] {
  const tooDeep = faults.find(({ problem }) => problem === TOO_DEEP);
  if (tooDeep) return [tooDeep];
  const seen = new Set<number>();
  return faults.filter(({ line }) => !seen.has(line) && Boolean(seen.add(line)));
}

function locate(document: Document.Parsed, place: (offset: number) => Place, wantKey: boolean) {
  return (path: Path): Place => {
    let node: unknown = document.contents;
    let offset = offsetOf(node) ?? 0;
    for (const [depth, part] of path.entries()) {
      if (isAlias(node)) node = node.resolve(document);
      let key: unknown;
      if (isMap(node)) {
        const pair = node.items.findLast(
          (item) => String(isScalar(item.key) ? item.key.value : item.key) === String(part),
        );
        [key, node] = [pair?.key, pair?.value];
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
      } else {
        node = undefined;
      }
      const last = depth === path.length - 1;
      offset = (last && wantKey ? offsetOf(key) : undefined) ?? offsetOf(node) ?? offsetOf(key) ?? offset;
      if (node === undefined) break;
    }
    return place(offset);
  };
}

const offsetOf = (node: unknown): number | undefined => (node as Node | undefined | null)?.range?.[0];
