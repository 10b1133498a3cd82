import type { Agent } from "./agent.ts";
import type { ConversationProviders } from "./conversation-providers.ts";
import { detectLanguage, languageAskedFor } from "./detect.ts";
import type { Filler } from "./filler.ts";
import { baseOf, plain } from "./language.ts";

/** The agent in one of its languages, with those that hear, answer and speak in it. */
export interface Variant {
  readonly agent: Agent;
  readonly providers: ConversationProviders;
  readonly filler?: Pick<Filler, "words">;
  /** The key that asks for it. */
  readonly key?: string;
}

/** So many utterances may tell by themselves which language a caller speaks; later it takes a wish. */
const TELLING = 3;
/** Fewer words are as good as none. */
const WORDS = 2;

/**
 * The language of one call. What it offers as `agent`, `providers` and `filler` are those of the language that is spoken now: whoever
 * holds them need not know that it changes.
 */
export class Tongue {
  readonly #variants: readonly [Variant, ...Variant[]];
  #now: Variant;
  #told = 0;
  readonly agent: Agent;
  readonly providers: ConversationProviders;
  readonly filler: Pick<Filler, "words">;

  constructor(variants: readonly [Variant, ...Variant[]]) {
    this.#variants = variants;
    this.#now = variants[0];
    this.agent = live(variants[0].agent, () => this.#now.agent);
    const { vad, stt, llm, tts, ...more } = variants[0].providers;
    const now = (): ConversationProviders => this.#now.providers;
    this.providers = {
      ...more,
      vad,
      stt: { name: stt.name, open: (options) => now().stt.open(options), close: async () => {} },
      llm: { name: llm.name, reply: (messages, options) => now().llm.reply(messages, options), close: async () => {} },
      tts: {
        name: tts.name,
        speak: (text, options) => now().tts.speak(text, options),
        kept: (piece, how) => now().tts.kept?.(piece, how),
        close: async () => {},
      },
    };
    this.filler = { words: (rate, count) => this.#now.filler?.words(rate, count) };
  }

  get language(): string {
    return this.#now.agent.language;
  }

  /** The caller's final words. `tag`: what the recogniser takes them for. Returns what changed: by their words, or because they asked for it. */
  hear(text: string, tag?: string): "spoken" | "asked" | undefined {
    const languages = this.#variants.map(({ agent }) => agent.language);
    const asked = languageAskedFor(text, languages);
    if (asked !== undefined) return this.#speak(asked) ? "asked" : undefined;
    if (this.#told >= TELLING || plain(text).split(" ").length < WORDS) return undefined;
    this.#told += 1;
    const known = tag === undefined ? undefined : languages.find((language) => baseOf(language) === baseOf(tag));
    const language = known ?? detectLanguage(text, languages);
    if (language === undefined) return undefined;
    // Once it is known, a foreign name or a quotation does not change it.
    this.#told = TELLING;
    return this.#speak(language) ? "spoken" : undefined;
  }

  /** True: it is a language's key, which is spoken now. */
  press(key: string): boolean {
    const wanted = this.#variants.find((variant) => variant.key === key);
    if (!wanted) return false;
    this.#told = TELLING;
    this.#speak(wanted.agent.language);
    return true;
  }

  /** What another worker spoke with this caller. True: it is another one than before. */
  inherit(language: string): boolean {
    this.#told = TELLING;
    return this.#speak(language);
  }

  #speak(language: string): boolean {
    const wanted = this.#variants.find(({ agent }) => agent.language === language);
    if (!wanted || wanted === this.#now) return false;
    this.#now = wanted;
    return true;
  }
}

/** An object with the keys of one, and the values of whatever it is now. */
function live<T extends object>(first: T, now: () => T): T {
  const view = Object.create(null) as T;
  for (const key of Object.keys(first) as (keyof T)[])
    Object.defineProperty(view, key, { enumerable: true, get: () => now()[key] });
  return view;
}
