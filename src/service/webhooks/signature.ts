import { createHmac } from "node:crypto";

/**
 * The headers of a message as Standard Webhooks 1.0 has them (https://www.standardwebhooks.com): an id that is the same at every try, the
 * moment of this try in seconds, and an HMAC-SHA256 of both and the body for each secret, the newest first. `nowMs`: since 1970.
 */
export function signedHeaders(
  { id, nowMs, body }: { id: string; nowMs: number; body: string },
  secrets: readonly Buffer[],
): Record<string, string> {
  const timestamp = String(Math.floor(nowMs / 1000));
  const signed = secrets.map(
    (secret) => `v1,${createHmac("sha256", secret).update(`${id}.${timestamp}.${body}`).digest("base64")}`,
  );
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signed.join(" ") };
}
