import type { AriClient } from "./ari.ts";
import { type AriEvent, isId, parseChannels } from "./ari-events.ts";

type Lent = Extract<AriEvent, { type: "lent" }>;

// How Dial's arguments name the call and the attempt in the shipped dialplan.
const LENDING = /sidetone-lend\^s\^1\(([^^)]+)\^(\d+)/;
const MEDIA_ID = "MEDIA_WEBSOCKET_CONNECTION_ID";

/** The ids of all channels. */
export async function livingCalls(ari: Pick<AriClient, "request">): Promise<ReadonlySet<string>> {
  return new Set(parseChannels(await ari.request("GET", "channels")).map(({ id }) => id));
}

/**
 * What there is after a connection was lost: the ids of all channels, and the calls that are being offered at this
 * moment, whose events nobody heard.
 */
export async function lookAround(
  ari: Pick<AriClient, "request" | "variable">,
): Promise<{ channels: ReadonlySet<string>; waiting: readonly Lent[] }> {
  const channels = parseChannels(await ari.request("GET", "channels"));
  const offers = channels.filter(({ name, state }) => name.startsWith("WebSocket/INCOMING/") && state !== "Up");
  const callers = channels.filter(({ appData }) => offers.length > 0 && LENDING.test(appData));
  const linkOf = (id: string): Promise<string> => ari.variable("CHANNEL(linkedid)", id).catch(() => "");
  const links = new Map(await Promise.all(callers.map(async (caller) => [await linkOf(caller.id), caller] as const)));
  const waiting = await Promise.all(
    offers.map(async ({ id }): Promise<Lent | undefined> => {
      const [media, link] = await Promise.all([ari.variable(MEDIA_ID, id).catch(() => ""), linkOf(id)]);
      const [, call = "", attempt = ""] = LENDING.exec(links.get(link)?.appData ?? "") ?? [];
      if (!isId(media) || !isId(call)) return undefined;
      return { type: "lent", media, call, attempt: Number(attempt), kind: "websocket", channel: id };
    }),
  );
  return {
    channels: new Set(channels.map(({ id }) => id)),
    waiting: waiting.filter((offer) => offer !== undefined),
  };
}
