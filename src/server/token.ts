import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const TOKEN_BYTES = 32;

export const tokenFile = (stateDir: string): string => join(stateDir, "api-token");

/** The API's token, made at the first start: whoever may read the state folder may use the API. */
export function readOrMakeToken(stateDir: string): string {
  const existing = readToken(stateDir);
  if (existing !== undefined) {
    chmodSync(tokenFile(stateDir), 0o600);
    return existing;
  }
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  // Written aside first: a reader never sees half of it.
  const aside = `${tokenFile(stateDir)}.${process.pid}`;
  writeFileSync(aside, `${token}\n`, { mode: 0o600 });
  renameSync(aside, tokenFile(stateDir));
  return token;
}

/** Undefined when there is none yet, or when what is there is no token. Throws when it may not be read. */
export function readToken(stateDir: string): string | undefined {
  try {
    const token = readFileSync(tokenFile(stateDir), "utf8").trim();
    return token.length >= TOKEN_BYTES ? token : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Compares in a time that does not tell how much of it was right. */
export function isAuthorised(header: string | undefined, token: string): boolean {
  const given = Buffer.from(header ?? "");
  const wanted = Buffer.from(`Bearer ${token}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
