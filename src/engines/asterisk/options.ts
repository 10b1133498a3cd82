import { z } from "zod";
import { isLoopback } from "../loopback.ts";

const port = (what: string) => z.int().min(1).max(65_535).describe(what);
const text = (what: string, max = 255) =>
  z
    .string()
    .min(1)
    .max(max)
    .regex(/^[^\p{Cc}]*$/u, "no control characters")
    .describe(what);

const TUNNELLED = "Plain connections to another host are accepted because a tunnel (WireGuard, stunnel) carries them.";

const ari = z
  .strictObject({
    url: z
      .url({ protocol: /^wss?$/ })
      .max(255)
      .default("ws://127.0.0.1:8088")
      .describe("Asterisk's HTTP server, as ws:// or wss://, with the prefix of http.conf if there is one."),
    user: text("The user in ari.conf.", 64).default("sidetone"),
    password: text("Its password.").describe("Its password."),
    app: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9_-]{0,31}$/, "letters, digits, - and _, 32 at most")
      .default("sidetone")
      .describe("How the connections are called in `ari show apps`; each adds something of its own to it."),
    tunnelled: z.boolean().default(false).describe(TUNNELLED),
  })
  .superRefine(({ url, tunnelled }, context) => {
    const { protocol, hostname, username, password, search, hash } = new URL(url);
    const fault = (message: string) => context.addIssue({ code: "custom", path: ["url"], message });
    if (username || password || search || hash)
      fault("no credentials, query or fragment: the password has its own key");
    if (protocol === "ws:" && !isLoopback(hostname) && !tunnelled)
      fault(
        "beyond this host only wss://: the password and the calls' sound would travel in the clear (or set tunnelled)",
      );
  });

const ami = z
  .strictObject({
    host: text("Where the manager interface listens.").default("127.0.0.1"),
    port: port("Its port in manager.conf.").default(5038),
    user: text("The user in manager.conf.", 64).default("sidetone"),
    password: text("Its secret."),
    tunnelled: z.boolean().default(false).describe(TUNNELLED),
  })
  .refine(({ host, tunnelled }) => isLoopback(host) || tunnelled, {
    path: ["host"],
    message: "beyond this host only through a tunnel (then set tunnelled): the secret would travel in the clear",
  });

const audiosocket = z
  .strictObject({
    host: text("Where Sidetone listens for it.").default("127.0.0.1"),
    port: port("As SIDETONE_AUDIOSOCKET in the dialplan's globals.").default(9099),
    tunnelled: z.boolean().default(false).describe(TUNNELLED),
  })
  .refine(({ host, tunnelled }) => isLoopback(host) || tunnelled, {
    path: ["host"],
    message: "beyond this host only through a tunnel (then set tunnelled): AudioSocket knows no encryption",
  });

export const asteriskOptions = z
  .strictObject({
    ari: ari.describe("Asterisk's REST interface: hears which calls are lent."),
    ami: ami.describe("Asterisk's manager interface: sets what comes next for a call."),
    media: z
      .enum(["auto", "websocket", "audiosocket"])
      .default("auto")
      .describe(
        "How sound comes: chan_websocket; AudioSocket on Asterisk before 20.18, 22.8 and 23.2; auto looks which.",
      ),
    audiosocket: audiosocket.prefault({}).describe("Only for AudioSocket."),
    presence: z
      .boolean()
      .describe(
        "A channel in sidetone-presence says that this Sidetone is up: the calls of another one that dies, with the same journal, are offered to it. Default: where Asterisk is on another host, or there are several workers.",
      )
      .optional(),
    pulse: z
      .boolean()
      .describe(
        "Where there is a presence: Asterisk takes this one's calls back when it is not heard of for 0.9 s. Default: where Asterisk is on another host; on the same one the supervisor sees to that.",
      )
      .optional(),
  })
  .describe("An Asterisk beside which Sidetone runs.");

export type AsteriskOptions = z.output<typeof asteriskOptions>;
