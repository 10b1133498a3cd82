import type { Manifest } from "./manifest.ts";

/** What the child is told first. */
export interface Start<Settings> {
  readonly type: "start";
  /** The module to load: `sherpa-onnx-node`. */
  readonly library: string;
  readonly folder: string;
  /** Instead of the folder's own. */
  readonly manifest?: Manifest | undefined;
  /** What `checkFolder` has returned in an earlier child. */
  readonly trusted?: string | undefined;
  readonly settings: Settings;
}

/** Each place in the child has a number. Sound goes as an Int16Array or Float32Array: node copies its bytes into the pipe as they are. */
export interface Placed {
  readonly place: number;
}

export type ToChild<Settings, Ask extends Placed> =
  | Start<Settings>
  | { readonly type: "ping" }
  | { readonly type: "ask"; readonly ask: Ask };

export type FromChild<Answer extends Placed> =
  | { readonly type: "ready"; readonly trusted: string }
  /** Something is not on this machine, or not as it should be. The child ends. */
  | { readonly type: "missing"; readonly message: string }
  | { readonly type: "pong" }
  | { readonly type: "answer"; readonly answer: Answer };
