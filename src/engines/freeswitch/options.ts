import { z } from "zod";
import { isLoopback } from "../loopback.ts";
import { mediaOptions } from "./media/options.ts";

const port = (what: string) => z.int().min(1).max(65_535).describe(what);
const host = (what: string) =>
  z
    .string()
    .min(1)
    .max(255)
    .regex(/^[^\p{Cc}\s]+$/u, "no blanks or control characters")
    .describe(what);
const tunnelled = z
  .boolean()
  .default(false)
  .describe("Plain connections to another host are accepted because a tunnel (WireGuard, stunnel) carries them.");

// Everybody knows it, and whoever is let in may run any command.
const DEFAULT_PASSWORD = "ClueCon";

const esl = z
  .strictObject({
    host: host("Where FreeSWITCH's Event Socket listens.").default("127.0.0.1"),
    port: port("Its port in event_socket.conf.xml.").default(8021),
    user: z
      .string()
      .max(128)
      .regex(/^(?:[\w.+-]+@[\w.-]+)?$/, "a user of the directory as user@domain, or nothing")
      .default("")
      .describe(
        "`user@domain` of the directory, with esl-password and esl-allowed-api; empty: the socket's own password.",
      ),
    password: z
      .string()
      .min(1)
      .max(255)
      .regex(/^[^\p{Cc}\s]+$/u, "no blanks or control characters")
      .describe("The password. FreeSWITCH's default one is refused: change it in event_socket.conf.xml."),
    tunnelled,
  })
  .superRefine(({ host, password, tunnelled }, context) => {
    const fault = (path: string, message: string) => context.addIssue({ code: "custom", path: [path], message });
    if (!isLoopback(host) && !tunnelled)
      fault(
        "host",
        "beyond this host only through a tunnel (then set tunnelled): the Event Socket knows no encryption, and who listens may run any command",
      );
    if (password === DEFAULT_PASSWORD)
      fault("password", `"${DEFAULT_PASSWORD}" is everybody's: set another one in event_socket.conf.xml and here`);
  });

const lend = z
  .strictObject({
    host: host(
      "Where Sidetone listens for lent calls; on another host than FreeSWITCH's, its address as in the dialplan's `sidetone_socket`.",
    ).default("127.0.0.1"),
    port: port(
      "As in the dialplan's `socket`. All workers of a service share it; another service has another one there.",
    ).default(8084),
    tunnelled,
  })
  .refine(({ host, tunnelled }) => isLoopback(host) || tunnelled, {
    path: ["host"],
    message:
      "beyond this host only through a tunnel (then set tunnelled): whoever connects would be sent to in the clear",
  });

export const freeswitchOptions = z
  .strictObject({
    esl: esl.describe("FreeSWITCH's Event Socket: confirms which calls are lent."),
    lend: lend.prefault({}).describe("Where FreeSWITCH connects with each call that its dialplan lends."),
    media: mediaOptions.prefault({}).describe("How the calls' sound comes and goes."),
  })
  .describe("A FreeSWITCH beside which Sidetone runs.");

export type FreeswitchOptions = z.output<typeof freeswitchOptions>;
