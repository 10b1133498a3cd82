import { createRequire } from "node:module";

/** An address in the C library's memory. */
export type Pointer = { readonly pointer: never };

/** The few functions of libpocketsphinx 0.8 (5prealpha) and libsphinxbase that we call, as pocketsphinx.h and ngram_model.h declare them. */
export interface Sphinx {
  args(): Pointer;
  parse(into: null, definitions: Pointer, count: number, args: readonly string[], strict: number): Pointer | null;
  init(config: Pointer): Pointer | null;
  free(decoder: Pointer): number;
  startStream(decoder: Pointer): number;
  startUtterance(decoder: Pointer): number;
  /** `samples`: 16 kHz. */
  process(decoder: Pointer, samples: Int16Array, count: number, noSearch: number, full: number): number;
  endUtterance(decoder: Pointer): number;
  hypothesis(decoder: Pointer, score: number[]): string | null;
  /** The posterior of the best hypothesis, as a logarithm to the base 1.0001. */
  posterior(decoder: Pointer): number;
  lookUp(decoder: Pointer, word: string): string | null;
  addWord(decoder: Pointer, word: string, phones: string, update: number): number;
  logMath(decoder: Pointer): Pointer;
  retainLogMath(math: Pointer): Pointer;
  setModel(decoder: Pointer, name: string, model: Pointer): number;
  setSearch(decoder: Pointer, name: string): number;
  readModel(config: Pointer, path: string, type: number, math: Pointer): Pointer | null;
  modelWord(model: Pointer, id: number): string | null;
  modelScore(model: Pointer, id: number, history: null, length: number, used: number[]): number;
  modelSet(
    config: Pointer,
    models: readonly Pointer[],
    names: readonly string[],
    weights: readonly number[],
    count: number,
  ): Pointer | null;
  mapWords(set: Pointer, words: readonly string[], count: number): void;
  interpolate(set: Pointer, names: readonly string[], weights: readonly number[]): Pointer | null;
}

interface Koffi {
  load(path: string): { func(declaration: string): (...args: never[]) => unknown };
}

/** Throws what koffi or the loader throws when one of them is not there. */
export function loadSphinx(): Sphinx {
  // koffi is optional and CommonJS; a static import would break the build on machines without it.
  const koffi = createRequire(import.meta.url)("koffi") as Koffi;
  const sphinx = koffi.load("libpocketsphinx.so.3");
  const base = koffi.load("libsphinxbase.so.3");
  // It writes pages about its parameters to standard error.
  base.func("int err_set_logfile(const char *path)")(...(["/dev/null"] as never[]));
  const table = {
    args: sphinx.func("void *ps_args()"),
    parse: base.func("void *cmd_ln_parse_r(void *into, void *definitions, int argc, const char **argv, int strict)"),
    init: sphinx.func("void *ps_init(void *config)"),
    free: sphinx.func("int ps_free(void *ps)"),
    startStream: sphinx.func("int ps_start_stream(void *ps)"),
    startUtterance: sphinx.func("int ps_start_utt(void *ps)"),
    process: sphinx.func("int ps_process_raw(void *ps, const int16_t *data, size_t count, int noSearch, int full)"),
    endUtterance: sphinx.func("int ps_end_utt(void *ps)"),
    hypothesis: sphinx.func("const char *ps_get_hyp(void *ps, _Out_ int32_t *score)"),
    posterior: sphinx.func("int32_t ps_get_prob(void *ps)"),
    lookUp: sphinx.func("const char *ps_lookup_word(void *ps, const char *word)"),
    addWord: sphinx.func("int ps_add_word(void *ps, const char *word, const char *phones, int update)"),
    logMath: sphinx.func("void *ps_get_logmath(void *ps)"),
    retainLogMath: base.func("void *logmath_retain(void *math)"),
    setModel: sphinx.func("int ps_set_lm(void *ps, const char *name, void *model)"),
    setSearch: sphinx.func("int ps_set_search(void *ps, const char *name)"),
    readModel: base.func("void *ngram_model_read(void *config, const char *path, int type, void *math)"),
    modelWord: base.func("const char *ngram_word(void *model, int32_t id)"),
    modelScore: base.func(
      "int32_t ngram_ng_score(void *model, int32_t id, int32_t *history, int32_t n, _Out_ int32_t *used)",
    ),
    modelSet: base.func(
      "void *ngram_model_set_init(void *config, void **models, const char **names, const float *weights, int32_t n)",
    ),
    mapWords: base.func("void ngram_model_set_map_words(void *set, const char **words, int32_t n)"),
    interpolate: base.func("void *ngram_model_set_interp(void *set, const char **names, const float *weights)"),
  };
  return table as unknown as Sphinx;
}
