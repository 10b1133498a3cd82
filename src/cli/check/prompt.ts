import type { AgentConfig, Config } from "../../config/config.ts";
import { formatFault, type Path, type Place } from "../../config/fault.ts";
import { disk, type Files } from "../../config/files.ts";
import { readYamlFile, type YamlFile } from "../../config/yaml-file.ts";
import { type Finding, finding } from "./finding.ts";

const ABOUT = "prompt";
const WORDS_MAX = 500;
const TERMS_SHOWN = 10;
// A question, and hardly a word before the next one.
const SERIES = /\?[\s"'”»)\-*•\d.]*(?:[^\s?.!]+\s+){0,11}[^\s?.!]+\s*\?/u;

/** What agents are told and what they say, as far as it can be read: nothing here fails a check. */
export function checkPrompts(config: Config, files: Files = disk): Finding[] {
  return Object.values(config.agents).flatMap((agent) => {
    const { file } = readYamlFile(agent.file, files);
    const text = files.read(agent.file);
    return file && typeof text === "string" ? checkAgent(agent, new Source(file, text), config, files) : [];
  });
}

/** An agent's file, where every finding has its place. */
class Source {
  readonly #file: YamlFile;
  readonly #lines: readonly string[];

  constructor(file: YamlFile, text: string) {
    this.#file = file;
    this.#lines = text.split("\n");
  }

  warn(path: Path, what: string, todo: string): Finding {
    return finding(
      "warn",
      ABOUT,
      formatFault({ file: this.#file.path, ...this.#file.placeOf(path), problem: what }),
      todo,
    );
  }

  /** Where these words stand, in or after the value at `path`. */
  lineOf(path: Path, words: string): number {
    const { line }: Place = this.#file.placeOf(path);
    const at = this.#lines.findIndex((text, index) => index >= line - 1 && text.includes(words));
    return at < 0 ? line : at + 1;
  }
}

function checkAgent(agent: AgentConfig, source: Source, config: Config, files: Files): Finding[] {
  const { name, greeting, prompt = "" } = agent;
  const findings: Finding[] = [];
  if (greeting.trim() === "")
    findings.push(
      source.warn(["greeting"], `${name} has no greeting.`, "A caller who hears nothing hangs up: one short sentence."),
    );
  findings.push(...checkSaid(agent, source));
  if (prompt === "") return findings;
  const words = prompt.split(/\s+/).filter((word) => word !== "").length;
  if (words > WORDS_MAX)
    findings.push(
      source.warn(
        ["prompt"],
        `The prompt of ${name} has ${words} words; more than ${WORDS_MAX} cost every answer time, and models forget their middle.`,
        "Keep rules; give facts to tools.",
      ),
    );
  const series = SERIES.exec(prompt);
  if (series)
    findings.push(seriesFinding(source, { path: ["prompt"], what: `The prompt of ${name}`, words: series[0] }));
  findings.push(...checkTerms(agent, prompt, source), ...checkTokens(agent, source, config, files));
  return findings;
}

/** What callers are asked two at a time, they answer by half. */
function checkSaid({ greeting, script, prompts }: AgentConfig, source: Source): Finding[] {
  const said: { path: Path; text: string }[] = [{ path: ["greeting"], text: greeting }];
  for (const [key, text] of Object.entries(prompts))
    said.push({ path: ["prompts", key], text: [text].flat().join("\n\n") });
  said.push(...textsIn(script, ["script"]));
  return said.flatMap(({ path, text }) => {
    const series = text.split("\n\n").flatMap((one) => SERIES.exec(one) ?? [])[0];
    return series ? [seriesFinding(source, { path, what: "What is said here", words: series })] : [];
  });
}

const SAID = new Set(["answer", "ask", "no", "else"]);

/** What a script says, whatever its shape. */
function textsIn(value: unknown, path: Path): { path: Path; text: string }[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const here = [...path, Array.isArray(value) ? Number(key) : key];
    if (!SAID.has(key)) return textsIn(inner, here);
    return [inner].flat().flatMap((text) => (typeof text === "string" ? [{ path: here, text }] : []));
  });
}

function seriesFinding(source: Source, { path, what, words }: { path: Path; what: string; words: string }): Finding {
  const last =
    words
      .trim()
      .split(/[?\n]/)
      .filter((part) => part.trim() !== "")
      .at(-1)
      ?.trim() ?? "";
  const line = source.lineOf(path, last);
  return source.warn(
    path,
    `${what} asks several questions in series (line ${line}: "${last}?").`,
    "One at a time: callers answer the last one.",
  );
}

/** Names and terms that a recogniser would not expect. */
function checkTerms({ name, language, keywords }: AgentConfig, prompt: string, source: Source): Finding[] {
  const known = new Set(keywords.flatMap((keyword) => keyword.toLowerCase().split(/\s+/)));
  const terms = termsOf(prompt, language).filter((term) => !known.has(term.toLowerCase()));
  if (terms.length === 0) return [];
  const shown = terms.slice(0, TERMS_SHOWN).map((term) => `${term} (line ${source.lineOf(["prompt"], term)})`);
  const more = terms.length > TERMS_SHOWN ? `, and ${terms.length - TERMS_SHOWN} more` : "";
  const what = `The prompt of ${name} has terms that are not among its keywords: ${shown.join(", ")}${more}.`;
  return [source.warn(["prompt"], what, "Add to keywords what callers say, so that the recogniser expects it.")];
}

// What every recogniser knows.
const COMMON = new Set(
  "i monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september october november december english german french spanish ok faq ai pm am".split(
    " ",
  ),
);
const SHAPED = /^(?:\p{Lu}{2,}\d*|\p{L}+\d+[\p{L}\d]*|\p{L}*\p{Ll}\p{Lu}\p{L}*)$/u;
const NAMED = /^\p{Lu}[\p{Ll}'’-]{2,}$/u;

/** Acronyms, names with figures in them, and, where nouns are small, words with a capital in the middle of a sentence. Each once. */
export function termsOf(prompt: string, language: string): string[] {
  const nounsAreBig = language.startsWith("de");
  const found = new Map<string, string>();
  for (const sentence of prompt.split(/(?<=[.!?:;])(?<!\b(?:Dr|Mr|Mrs|Ms|St|Sr|Sra|Mme|No)\.)\s+|\n+|["“”„«»]/)) {
    const words = sentence.split(/[\s,()/]+/).map((word) => word.replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, ""));
    const spoken = words.filter((word) => word !== "");
    // A heading, or a line that shouts, is no list of names.
    if (spoken.filter((word) => /^\p{Lu}/u.test(word)).length > Math.max(3, spoken.length * 0.6)) continue;
    for (const [index, word] of spoken.entries()) {
      const named = !nounsAreBig && index > 0 && NAMED.test(word);
      if ((named || SHAPED.test(word)) && !COMMON.has(word.toLowerCase())) found.set(word.toLowerCase(), word);
    }
  }
  return [...found.values()];
}

/** A model without a limit may talk for minutes. */
function checkTokens({ name, choices }: AgentConfig, source: Source, config: Config, files: Files): Finding[] {
  return choices.llm.flatMap((provider) => {
    const configured = config.providers.llm[provider];
    const { options } = configured ?? {};
    if (
      !configured ||
      configured.module.name === "scripted" ||
      (options as { maxTokens?: number }).maxTokens !== undefined
    )
      return [];
    const what = `The model ${provider} of ${name} has no maxTokens: an answer may go on for minutes.`;
    const todo = `Set providers.${provider}.maxTokens, 300 perhaps.`;
    const { file } = readYamlFile(config.file, files);
    const path = ["providers", provider];
    const named = (file?.value as { providers?: Record<string, unknown> } | undefined)?.providers?.[provider];
    if (!file || named === undefined) return [source.warn(["llm"], what, todo)];
    return [finding("warn", ABOUT, formatFault({ file: config.file, ...file.placeOfKey(path), problem: what }), todo)];
  });
}
