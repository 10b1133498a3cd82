import { OutsideError } from "../../src/base/errors.ts";
import { isLoopback } from "../../src/engines/loopback.ts";

/** Where a FreeSWITCH that runs already takes an administrator's commands. */
export interface FreeswitchAddress {
  readonly host: string;
  readonly port: number;
  readonly password: string;
}

/** Whose password it is may not stand on a command line, which everybody on the machine can read. */
export const PASSWORD_VARIABLE = "SIDETONE_ESL_PASSWORD";

const ADDRESS = /^(?:\[([^\]/]+)\]|([^\s/:[\]]+)):(\d{1,5})(?::(\S+))?$/;

/**
 * Reads `host:port` or `host:port:password`; undefined where it is something else, such as a folder. Without a password
 * it is that of the environment. Rejects addresses beyond this host, and such as have no password, with code "NOT_PREPARED".
 */
export function readFreeswitchAddress(text: string, env = process.env): FreeswitchAddress | undefined {
  const [, bracketed, plain, port = "", given] = ADDRESS.exec(text) ?? [];
  const host = bracketed ?? plain;
  if (host === undefined) return undefined;
  const password = given ?? env[PASSWORD_VARIABLE] ?? "";
  if (!isLoopback(host))
    throw new OutsideError(
      "NOT_PREPARED",
      `${host} is another host: calls are tried beside a FreeSWITCH of this one alone, or through a tunnel that ends here.`,
    );
  if (password === "")
    throw new OutsideError(
      "NOT_PREPARED",
      `${host}:${port} wants the Event Socket's password: set ${PASSWORD_VARIABLE}.`,
    );
  return { host, port: Number(port), password };
}
