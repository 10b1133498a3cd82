import { createSocket } from "node:dgram";
import { once } from "node:events";

/** A way to the PBX, on 127.0.0.1, on which the first copy of every message is lost, both ways. */
export async function lossyRelay(
  pbxPort: number,
): Promise<{ readonly port: number; readonly lost: number; close(): void }> {
  const [inner, outer] = [createSocket("udp4"), createSocket("udp4")];
  inner.bind(0, "127.0.0.1");
  outer.bind(0, "127.0.0.1");
  await Promise.all([once(inner, "listening"), once(outer, "listening")]);
  const seen = new Set<string>();
  let phonePort = 0;
  const passes = (text: string): boolean => {
    // A PBX may refuse the same request with another nonce: the same message is the same step of the same transaction.
    const step = [/^.*/, /^Via:.*?branch=[^;\s]+/im, /^CSeq:.*/im].map((part) => part.exec(text)?.[0]).join();
    if (seen.has(step)) return true;
    seen.add(step);
    return false;
  };
  inner.on("message", (datagram, from) => {
    phonePort = from.port;
    if (passes(`> ${datagram}`)) outer.send(datagram, pbxPort, "127.0.0.1");
  });
  outer.on("message", (datagram) => {
    if (passes(`< ${datagram}`)) inner.send(datagram, phonePort, "127.0.0.1");
  });
  return {
    port: inner.address().port,
    get lost() {
      return seen.size;
    },
    close() {
      inner.close();
      outer.close();
    },
  };
}
