import { request } from "node:http";
import type { LiveCall, LiveEvent } from "./live.ts";

/** Another worker of this service, whose private socket answers what this one's port is asked. */
export interface Peer {
  readonly socketPath: string;
}

export interface PeerAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** One that hangs is not waited for: whoever asks wants to know about the others. */
const ANSWER_MS = 700;
const ANSWER_MAX_BYTES = 16 * 1024 * 1024;
const EVENT_MAX_CHARS = 256 * 1024;

/** Undefined: it does not answer. */
export function askPeer({ socketPath }: Peer, path: string, token: string): Promise<PeerAnswer | undefined> {
  return new Promise((resolve) => {
    const headers = { authorization: `Bearer ${token}` };
    const asking = request({ socketPath, path, headers, timeout: ANSWER_MS }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => {
        text += part;
        if (text.length > ANSWER_MAX_BYTES) asking.destroy();
      });
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body: parse(text) }));
      response.on("close", () => resolve(undefined));
    });
    asking.on("timeout", () => asking.destroy());
    asking.on("error", () => resolve(undefined));
    asking.end();
  });
}

/** What all of them answer, without those that do not. */
export async function askPeers(peers: readonly Peer[], path: string, token: string): Promise<PeerAnswer[]> {
  const answers = await Promise.all(peers.map((peer) => askPeer(peer, path, token)));
  return answers.filter((answer) => answer !== undefined);
}

/** The calls in another worker's answer. */
export function callsIn({ body }: PeerAnswer): LiveCall[] {
  const calls = typeof body === "object" && body !== null && "calls" in body ? body.calls : [];
  return Array.isArray(calls) ? (calls as LiveCall[]) : [];
}

/** What happens in another worker's calls, until it ends or the returned function is called. */
export function followPeer(
  { socketPath }: Peer,
  token: string,
  { onEvent, onEnd }: { onEvent: (event: LiveEvent) => void; onEnd: () => void },
): () => void {
  const headers = { authorization: `Bearer ${token}` };
  const following = request({ socketPath, path: "/api/events", headers }, (response) => {
    let text = "";
    response.setEncoding("utf8");
    response.on("data", (part: string) => {
      const blocks = (text + part).split("\n\n");
      text = blocks.pop() ?? "";
      if (text.length > EVENT_MAX_CHARS) following.destroy();
      for (const block of blocks) {
        const event = parse(/^data: (.*)$/m.exec(block)?.[1] ?? "");
        if (event !== undefined) onEvent(event as LiveEvent);
      }
    });
    response.on("error", () => following.destroy());
  });
  following.on("error", () => following.destroy());
  following.on("close", onEnd);
  following.end();
  return () => following.destroy();
}

function parse(text: string): unknown {
  try {
    return text === "" ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}
