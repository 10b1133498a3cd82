import { z } from "zod";
import { isLoopback } from "../../loopback.ts";

const path = (what: string) =>
  z
    .string()
    .max(255)
    .regex(/^[^\p{Cc}\s"';=]*$/u, "no blanks, quotes, semicolons or control characters")
    .default("")
    .describe(what);

/** `engines.freeswitch.media`. */
export const mediaOptions = z
  .strictObject({
    mode: z
      .enum(["auto", "websocket", "unicast", "duplex", "remote"])
      .default("auto")
      .describe(
        "websocket: mod_audio_stream up, unicast down. unicast: both ways, no module needed. duplex: the build of mod_audio_stream that plays what it is sent. remote: FreeSWITCH on another host. auto looks which.",
      ),
    host: z.string().min(1).max(255).default("127.0.0.1").describe("Where Sidetone listens for mod_audio_stream."),
    port: z.int().min(0).max(65_535).default(0).describe("The port there; 0: any that is free."),
    url: z
      .union([z.literal(""), z.url({ protocol: /^wss?$/ }).max(200)])
      .default("")
      .describe("How FreeSWITCH reaches that, where it is not at the address itself: wss://, or ws:// into a tunnel."),
    certificate: path("A file with the certificate for wss://, in PEM; empty: something before Sidetone has it."),
    key: path("A file with its key."),
    ca: path(
      "The file on FreeSWITCH's host with the authority that it checks the certificate by; empty: the system's.",
    ),
    tunnelled: z
      .boolean()
      .default(false)
      .describe("Plain connections to another host are accepted because a tunnel (WireGuard, stunnel) carries them."),
  })
  .superRefine(({ host, url, certificate, key, tunnelled }, context) => {
    const fault = (at: string, message: string) => context.addIssue({ code: "custom", path: [at], message });
    if ((certificate === "") !== (key === "")) fault("key", "a certificate and its key come together");
    if (!isLoopback(host) && certificate === "" && !tunnelled)
      fault("host", "beyond this host only with a certificate, or through a tunnel (then set tunnelled)");
    if (url === "") return;
    const { protocol, hostname, username, password, search, hash } = new URL(url);
    if (username || password || search || hash) fault("url", "no credentials, query or fragment");
    if (protocol === "ws:" && !isLoopback(hostname) && !tunnelled)
      fault("url", "beyond this host only wss://, or through a tunnel (then set tunnelled)");
  });

export type MediaOptions = z.output<typeof mediaOptions>;
