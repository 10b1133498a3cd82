import { WebSocket } from "ws";
import { messageOf, OutsideError } from "../base/errors.ts";
import { MAX_SIP_BYTES, type SipWire, type WireAddress } from "./sip-wire.ts";

/** SIP over websocket (RFC 7118), to the address that Asterisk serves as /ws. */
export function websocketWire(url: string): SipWire {
  const protocol = url.startsWith("wss:") ? "WSS" : "WS";
  let socket: WebSocket | undefined;
  const wire: SipWire = {
    protocol,
    onText: () => {},
    onLost: () => {},
    open: (signal) =>
      new Promise<WireAddress>((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const connecting = new WebSocket(url, "sip", { maxPayload: MAX_SIP_BYTES, perMessageDeflate: false });
        socket = connecting;
        let opened = false;
        const abort = (): void => {
          reject(signal.reason);
          connecting.terminate();
        };
        signal.addEventListener("abort", abort, { once: true });
        let trouble = "it was closed";
        connecting.on("error", (error) => {
          trouble = messageOf(error);
        });
        connecting.on("message", (data, binary) => {
          if (!binary) wire.onText(String(data));
        });
        connecting.on("open", () => {
          opened = true;
          signal.removeEventListener("abort", abort);
          resolve(addressOf(connecting));
        });
        connecting.on("close", () => {
          signal.removeEventListener("abort", abort);
          const error = new OutsideError("unreachable", `SIP over websocket to ${url} failed: ${trouble}`);
          if (opened && socket === connecting) wire.onLost(error);
          reject(error);
        });
      }),
    send(text) {
      if (socket?.readyState === WebSocket.OPEN) socket.send(text);
    },
    close() {
      const closing = socket;
      socket = undefined;
      if (!closing) return;
      closing.close();
      // A PBX that hangs must not keep us: the close handshake is a courtesy.
      closing.terminate();
    },
  };
  return wire;
}

/** The TCP connection below the websocket knows by which of our addresses the PBX is reached. */
function addressOf(socket: WebSocket): WireAddress {
  const { _socket: tcp } = socket as unknown as { _socket?: { localAddress?: string; localPort?: number } };
  return { address: (tcp?.localAddress ?? "127.0.0.1").replace(/^::ffff:/, ""), port: tcp?.localPort ?? 0 };
}
