import type { RestResponse } from "./ari-events.ts";
import type { AsteriskOptions } from "./options.ts";

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body?: object | undefined;
  readonly signal: AbortSignal;
}

const MAX_BODY_CHARS = 8 * 1024 * 1024;

/** ARI's requests over plain HTTP: for versions that do not take them over the websocket, and for `check`. */
export class AriRest {
  /** For the header: never in a URL, where proxies and logs would keep it. */
  readonly authorization: string;
  readonly #base: string;

  constructor({ url, user, password }: AsteriskOptions["ari"]) {
    this.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
    this.#base = `${url.replace(/^ws/, "http").replace(/\/+$/, "")}/ari/`;
  }

  /** Rejects when nobody answers; an answer of whatever status is an answer. */
  async ask({ method, path, query, body, signal }: HttpRequest): Promise<RestResponse> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const content = body && { body: JSON.stringify(body) };
    const headers = { authorization: this.authorization, ...(body && { "content-type": "application/json" }) };
    const response = await fetch(url, { method, headers, signal, redirect: "error", ...content });
    const text = await response.text();
    return {
      requestId: "",
      status: response.status,
      reason: response.statusText,
      body: text.length > MAX_BODY_CHARS ? "" : text,
    };
  }
}
