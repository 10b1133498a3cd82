import { z } from "zod";

const ms = (what: string, fallback: number) => z.int().min(50).max(60_000).default(fallback).describe(what);

/** The three waits that every provider elsewhere has. */
export const deadlines = ({
  connectMs,
  firstMs,
  stallMs,
}: {
  connectMs: number;
  firstMs: number;
  stallMs: number;
}) => ({
  connectMs: ms("how long connecting may take", connectMs),
  firstMs: ms("from a request to the first that comes of its answer", firstMs),
  stallMs: ms("how long nothing may come in the middle of an answer", stallMs),
});

/** Without a query or a fragment, and without a slash at its end. Keys have their own place, and it is not the URL. */
export const serverUrl = (fallback: string, protocol = /^https?$/) =>
  z
    .url({ protocol, error: "the URL of a server" })
    .max(500)
    .refine((url) => !/[?#@]/.test(url), { message: "a URL without user, query and fragment" })
    .transform((url) => url.replace(/\/+$/, ""))
    .prefault(fallback);
