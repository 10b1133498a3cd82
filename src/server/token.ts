import { randomBytes, timingSafeEqual } from "node:crypto";
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

const TOKEN_BYTES = 32;

export const tokenFile = (stateDir: string): string => join(stateDir, "api-token");

/**
 * The API's token, made at the first start: whoever may read the state folder may use the API. A disk that refuses costs the
 * API, and no call: then nobody knows the token.
 */
export function readOrMakeToken(stateDir: string, log: Log): string {
  const token = randomBytes(TOKEN_BYTES).toString("base64url");
  try {
    const existing = readToken(stateDir);
    if (existing === undefined) return keep(token, stateDir);
    if ((statSync(tokenFile(stateDir)).mode & 0o777) !== 0o600) chmodSync(tokenFile(stateDir), 0o600);
    return existing;
  } catch (error) {
    log.error(
      { stateDir, reason: messageOf(error) },
      "the API's token can be neither read nor kept: calls are answered, the API is closed until the next start",
    );
    return token;
  }
}

/** Written aside first: a reader never sees half of it, and of several workers that start together the first one's counts. */
function keep(token: string, stateDir: string): string {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const aside = `${tokenFile(stateDir)}.${process.pid}`;
  try {
    writeFileSync(aside, `${token}\n`, { mode: 0o600 });
    if (existsSync(tokenFile(stateDir)) && readToken(stateDir) === undefined)
      rmSync(tokenFile(stateDir), { force: true });
    linkSync(aside, tokenFile(stateDir));
    return token;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
    return readToken(stateDir) ?? token;
  } finally {
    rmSync(aside, { force: true });
  }
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
