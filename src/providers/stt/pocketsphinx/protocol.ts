/** To the process that decodes. `hearing` is a number that its other end chose. */
export type ToEar =
  | { readonly type: "open"; readonly hearing: number; readonly rate: 8000 | 16000; readonly hints: readonly string[] }
  /** Sound as the call has it. */
  | { readonly type: "audio"; readonly hearing: number; readonly pcm: Int16Array }
  | { readonly type: "finish"; readonly hearing: number }
  | { readonly type: "close"; readonly hearing: number };

export type FromEar =
  | { readonly type: "ready" }
  | { readonly type: "missing"; readonly message: string }
  | { readonly type: "open"; readonly hearing: number }
  | { readonly type: "partial"; readonly hearing: number; readonly text: string }
  | { readonly type: "final"; readonly hearing: number; readonly text: string; readonly confidence: number }
  /** This hearing alone cannot go on. */
  | { readonly type: "failed"; readonly hearing: number; readonly message: string };
