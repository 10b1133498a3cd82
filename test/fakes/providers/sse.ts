import { pause } from "./behaviour.ts";
import type { Answering } from "./http-server.ts";

/** Streams server-sent events by the server's mood; `empty`: those of an answer with nothing in it. */
export async function streamEvents(
  { response, fault, moods }: Answering,
  { events, empty }: { events: () => string[]; empty: () => string[] },
): Promise<void> {
  const { socket } = response;
  if (!socket) return;
  response.writeHead(200, { "content-type": "text/event-stream" });
  response.flushHeaders();
  if (!(await pause(moods.firstMs, socket))) return;
  if (fault === "garbage") {
    response.end("event: message_start\ndata: {this is no JSON\n\n");
    return;
  }
  const all = fault === "empty" ? empty() : events();
  const half = fault === "stall" || fault === "close" ? Math.ceil(all.length / 2) : all.length;
  for (const event of all.slice(0, half)) {
    response.write(event);
    if (moods.perSecond > 0 && !(await pause(1000 / moods.perSecond, socket))) return;
  }
  if (fault === "stall") return;
  // What was written is to arrive before the connection breaks.
  if (fault === "close") response.write(": ", () => response.socket?.destroy());
  else response.end();
}
