import type { ModelFiles } from "../../model-files.ts";

/** What the process that speaks is started with, as JSON. */
export interface SherpaModel {
  readonly folder: string;
  readonly files: ModelFiles;
  readonly kind: "vits" | "matcha" | "kokoro" | "kitten";
  readonly threads: number;
}

export type ToMouth =
  | {
      readonly type: "speak";
      readonly id: number;
      readonly text: string;
      readonly speaker: number;
      readonly speed: number;
    }
  /** Nobody wants it any more. */
  | { readonly type: "cancel"; readonly id: number };

export type FromMouth =
  /** `rateHz`: of all that it is going to say. */
  | { readonly type: "ready"; readonly rateHz: number; readonly speakers: number }
  /** It will never be ready on this machine as it is. */
  | { readonly type: "missing"; readonly message: string }
  | { readonly type: "sound"; readonly id: number; readonly pcm: Int16Array }
  | { readonly type: "done"; readonly id: number }
  | { readonly type: "failed"; readonly id: number; readonly message: string };
