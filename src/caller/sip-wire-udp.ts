import { createSocket, type Socket } from "node:dgram";
import { lookup } from "node:dns/promises";
import { isIPv6 } from "node:net";
import type { Clock } from "../base/clock.ts";
import { codeOf, messageOf, OutsideError } from "../base/errors.ts";
import { createRetransmission, type Retransmission } from "./sip-retransmission.ts";
import { MAX_SIP_BYTES, type SipWire, type WireAddress } from "./sip-wire.ts";

export interface UdpWireOptions {
  readonly host: string;
  readonly port: number;
  readonly clock: Clock;
}

/**
 * SIP over UDP to one PBX. The socket is connected: the operating system tells which of our addresses the PBX sees, drops
 * datagrams of strangers, and says at once when nobody listens there. sip.js takes every transport for a reliable one, so
 * the retransmissions of RFC 3261 happen here.
 */
export function udpWire({ host, port, clock }: UdpWireOptions): SipWire {
  let socket: Socket | undefined;
  let retransmission: Retransmission | undefined;
  const where = `${host}:${port}/udp`;
  const wire: SipWire = {
    protocol: "UDP",
    onText: () => {},
    onLost: () => {},
    async open(signal) {
      const { address } = await lookup(host).catch((error: unknown) => {
        throw unreachable(where, error);
      });
      signal.throwIfAborted();
      const opening = createSocket(isIPv6(address) ? "udp6" : "udp4");
      socket = opening;
      const ours = await connected(opening, { address, port }).catch((error: unknown) => {
        opening.close();
        throw unreachable(where, error);
      });
      const transmit = (text: string): void => opening.send(text, (error) => error && lost(error));
      const lost = (error: Error): void => {
        if (socket === opening) wire.onLost(unreachable(where, error));
      };
      opening.on("error", lost);
      retransmission = createRetransmission({ clock, transmit });
      opening.on("message", (datagram) => {
        if (datagram.length > MAX_SIP_BYTES || socket !== opening) return;
        const text = withoutPort(datagram.toString("utf8"), ours);
        // Empty lines keep NAT pinholes open; they are no messages.
        if (text.trim() !== "" && retransmission?.received(text)) wire.onText(text);
      });
      return ours;
    },
    send(text) {
      if (socket) retransmission?.send(withPort(text, socket.address()));
    },
    close() {
      retransmission?.close();
      socket?.close();
      socket = undefined;
    },
  };
  return wire;
}

function connected(socket: Socket, { address, port }: WireAddress): Promise<WireAddress> {
  return new Promise((resolve, reject) => {
    socket.once("error", reject);
    socket.connect(port, address, () => {
      socket.off("error", reject);
      resolve(socket.address());
    });
  });
}

const unreachable = (where: string, error: unknown): OutsideError => {
  const what = codeOf(error) === "ECONNREFUSED" ? "nobody listens there" : messageOf(error);
  return new OutsideError("unreachable", `SIP to ${where} failed: ${what}`, { cause: error });
};

// sip.js writes Via without a port and refuses answers whose Via has one. On the wire it has to be there.

const withPort = (text: string, { port }: WireAddress): string =>
  text.startsWith("SIP/2.0 ") ? text : text.replace(/^(Via: SIP\/2\.0\/UDP [^;\s]+);/im, `$1:${port};`);

const withoutPort = (text: string, { port }: WireAddress): string =>
  text.startsWith("SIP/2.0 ")
    ? text.replace(new RegExp(`^((?:Via|v)\\s*:\\s*SIP/2\\.0/UDP [^;\\s]+?):${port}(?=;)`, "im"), "$1")
    : text;
