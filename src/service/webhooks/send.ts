import { codeOf } from "../../base/errors.ts";
import type { Http } from "../../providers/http.ts";

export interface Sending {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly signal: AbortSignal;
}

/** `taken`, `gone` (410: it shall not be tried again), `refused` for what it says, or `failed`: later perhaps. */
export interface Sent {
  readonly result: "taken" | "gone" | "refused" | "failed";
  /** A status, or an error's code: for the log. */
  readonly why: string;
  /** When the receiver wants it again, in ms from now. */
  readonly afterMs?: number;
}

// Too early, too many, or no time: it is not the message.
const FOR_LATER = [401, 403, 404, 407, 408, 425, 429];
const AFTER_MAX_MS = 3_600_000;

/** One try. Never rejects. A redirect is no answer: what is signed for one place is not carried to another. */
export async function send({ fetch }: Pick<Http, "fetch">, { url, headers, body, signal }: Sending): Promise<Sent> {
  try {
    const how = { "content-type": "application/json", "user-agent": "sidetone", ...headers };
    const response = await fetch(url, { method: "POST", headers: how, body, redirect: "manual", signal });
    await response.body?.cancel();
    const { status } = response;
    const why = String(status);
    if (response.ok) return { result: "taken", why };
    if (status === 410) return { result: "gone", why };
    const afterMs = Number(response.headers.get("retry-after")) * 1000;
    const after = afterMs > 0 ? { afterMs: Math.min(AFTER_MAX_MS, afterMs) } : {};
    const refused = status >= 400 && status < 500 && !FOR_LATER.includes(status);
    return { result: refused ? "refused" : "failed", why, ...after };
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    const code = codeOf(cause) || codeOf(error);
    return { result: "failed", why: signal.aborted ? "timeout" : code || "unreachable" };
  }
}
