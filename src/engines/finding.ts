/** One line of `sidetone check`: what was looked at, and what to do when it is not well. */
export interface Finding {
  readonly ok: boolean;
  /** It is not well, but calls are answered all the same. */
  readonly bearable?: true;
  /** A sentence. */
  readonly what: string;
  /** A sentence too, or a command to copy; empty when there is nothing to do. */
  readonly todo: string;
}

export const good = (what: string): Finding => ({ ok: true, what, todo: "" });
export const bad = (what: string, todo: string): Finding => ({ ok: false, what, todo });
export const bearable = (what: string, todo: string): Finding => ({ ok: false, bearable: true, what, todo });
