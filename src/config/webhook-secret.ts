/** Shorter ones could be guessed; what is longer is no secret but a file. */
const SECRET_BYTES = { least: 24, most: 64 } as const;
const SECRETS_MAX = 5;

/**
 * The secrets of a webhook: `whsec_` and base64, separated by white space, the newest first. While a receiver changes to the newest, the one before
 * stands behind it. Undefined: it is not of this form.
 */
export function secretsOf(given: string): Buffer[] | undefined {
  const words = given.trim().split(/\s+/);
  if (words.length > SECRETS_MAX) return undefined;
  const secrets = words.map((word) => /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(word)?.[1]);
  const keys = secrets.map((secret) => Buffer.from(secret ?? "", "base64"));
  return keys.every(({ length }) => length >= SECRET_BYTES.least && length <= SECRET_BYTES.most) ? keys : undefined;
}
