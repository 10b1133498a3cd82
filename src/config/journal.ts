import { resolve } from "node:path";
import { z } from "zod";
import { hostBeyond } from "../providers/host.ts";
import { text, whole } from "./names.ts";

/** A server that several hosts share; see docs/operating.md. */
const valkey = z
  .strictObject({
    url: z
      .url({ protocol: /^valkeys?$/ })
      .max(300)
      .refine((given) => !/@/.test(given), "without a user and a password: they have keys of their own")
      .refine(
        (given) => /^\/?\d{0,2}$/.test(new URL(given).pathname),
        "after the port comes the database's number alone",
      )
      .describe(
        "`valkeys://journal.example:6379`, over TLS with a verified certificate. Redis (6.2 and newer) is as good.",
      ),
    tunnelled: z
      .boolean()
      .describe("The server is beyond this host, and a tunnel protects what is said to it: `valkey://` will do.")
      .default(false),
    user: z.string().max(128).describe("Left out: the server's default one.").default(""),
    password: z.string().min(1).max(512).describe("What the server asks for.").optional(),
    ca: text(
      "A file with the certificates that vouch for the server. Default: those of Node and NODE_EXTRA_CA_CERTS.",
      1024,
    ).optional(),
    prefix: z
      .string()
      .regex(/^[A-Za-z0-9:_.-]{1,64}$/, "letters, digits and : _ . -")
      .describe("What all keys begin with. The same for all that go on with each other's calls.")
      .default("sidetone:"),
    timeoutMs: whole(
      "What the server has not answered by then has failed. Nobody waits for it; a caller whose host has died waits 400 ms for its journal.",
      20,
      2000,
    ).default(1000),
  })
  .refine(({ url, tunnelled }) => url.startsWith("valkeys:") || tunnelled || hostBeyond(url) === undefined, {
    path: ["url"],
    message: "beyond this host only valkeys://: the password would travel in the clear (or set tunnelled)",
  });

/** Another worker goes on with a call by it; see docs/operating.md. */
export const journalSchema = z.strictObject({
  dir: text(
    "Where the calls that are up are written down. All workers that are to go on with each other's calls have the same folder. Default: `journal` in stateDir.",
    1024,
  ).optional(),
  valkey: valkey.describe("In place of a folder: a server that the workers of several hosts share.").optional(),
  fsync: z
    .enum(["never", "turn", "always"])
    .describe(
      "When the disk is made to have it. `never` is enough for a worker that is killed; the others are for a host that loses its power. A server decides that itself.",
    )
    .default("never"),
  secret: z
    .string()
    .min(16)
    .max(1024)
    .describe("Seals every line (AES-256-GCM). The same for all workers; 16 characters at least.")
    .optional(),
});

type Journal = z.output<typeof journalSchema>;

/** Its file is an absolute path. */
export const valkeyIn = (settings: NonNullable<Journal["valkey"]>, folder: string) => ({
  ...settings,
  ...(settings.ca !== undefined && { ca: resolve(folder, settings.ca) }),
});
