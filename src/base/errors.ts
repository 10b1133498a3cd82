/** Something outside this process is not as it must be. `code` is for programs, the message for the administrator, `cause` for whoever looks deeper. */
export class OutsideError extends Error {
  override readonly name = "OutsideError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The `code` of anything that was thrown ("ECONNREFUSED", "ENOENT", one of ours); empty when it has none. */
export function codeOf(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}

/** One line about anything that was thrown. Node's own "connect failed" on two addresses has an empty message; its parts do not. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") return error.errors.map(messageOf).join("; ");
  return error instanceof Error ? error.message : String(error);
}

/** The same as a sentence: with a full stop. */
export function sentenceOf(error: unknown): string {
  const message = messageOf(error);
  return /[.!?]$/.test(message) ? message : `${message}.`;
}

/** Whether `error` is nothing but the news that `signal` was aborted: cancellation is no error, and is never logged as one. */
export function isCancellation(error: unknown, signal: AbortSignal | undefined): boolean {
  if (signal?.aborted !== true) return false;
  return error === signal.reason || (error instanceof Error && error.name === "AbortError");
}
