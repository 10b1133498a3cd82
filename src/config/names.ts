import { z } from "zod";

/** Names go into file names, dialplan arguments and metrics: small letters, digits, "-" and "_", from a letter on. */
export const nameOf = (what: string) =>
  z
    .string()
    .regex(/^[a-z][a-z0-9_-]{0,31}$/, "a name: small letters, digits, - and _, beginning with a letter, 32 at most")
    .describe(what);

/** The name of a transfer target goes into a dialplan variable's. */
export const targetOf = (what: string) =>
  z
    .string()
    .regex(
      /^[a-z][a-z0-9_]{0,31}$/,
      "a target's name: small letters, digits and _, beginning with a letter, 32 at most",
    )
    .describe(what);

export const text = (what: string, max: number) => z.string().min(1).max(max).describe(what);
export const whole = (what: string, min: number, max: number) => z.int().min(min).max(max).describe(what);
