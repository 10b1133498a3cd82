import type { Placed } from "../../sherpa/talk.ts";

export interface EarSettings {
  readonly threads: number;
  readonly decoding: "greedy_search" | "modified_beam_search";
  readonly paths: number;
  readonly hotwordsScore: number;
  readonly units: "bpe" | "cjkchar" | "cjkchar+bpe";
  readonly endSilenceMs: number;
}

export type EarAsk = Placed &
  (
    | { readonly type: "open"; readonly rate: number; readonly hints: readonly string[] }
    | { readonly type: "audio"; readonly pcm: Int16Array }
    | { readonly type: "finish" }
    | { readonly type: "close" }
  );

interface Words {
  readonly text: string;
  readonly confidence?: number;
}

export type EarAnswer = Placed &
  (
    | { readonly type: "open" }
    /** Sound was taken; the words so far, where they have changed. */
    | { readonly type: "heard"; readonly text?: string }
    /** The answer to one `finish`. */
    | ({ readonly type: "final" } & Words)
    /** The recogniser itself has heard the end of what was said. */
    | ({ readonly type: "end" } & Words)
    /** This place alone cannot go on. */
    | { readonly type: "failed"; readonly message: string }
  );
