import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";
import type { AsteriskPorts } from "./asterisk-config.ts";
import type { FreeswitchPorts } from "./freeswitch-config.ts";

// Below the range from which the kernel gives out ports by itself.
const RTP_FIRST = 10_000;
const RTP_LAST = 32_000;
const RTP_PORTS = 400;

/** Port numbers that nobody on 127.0.0.1 has at this moment. Somebody may take one before they are used: try again then. */
export async function freePorts(): Promise<AsteriskPorts> {
  const [http, ami] = [await freeTcpPort(), await freeTcpPort()];
  return { sip: await freeUdpPort(), http, ami, ...rtpPorts() };
}

/** As `freePorts`. SIP is taken for UDP and TCP alike. */
export async function freeFreeswitchPorts(): Promise<FreeswitchPorts> {
  const [sip, trunk] = [await freeUdpPort(), await freeUdpPort()];
  const lend = [await freeTcpPort(), await freeTcpPort()];
  return { sip, trunk, esl: await freeTcpPort(), lend, ...rtpPorts() };
}

function rtpPorts(): { rtpFirst: number; rtpLast: number } {
  const blocks = (RTP_LAST - RTP_FIRST) / RTP_PORTS;
  const rtpFirst = RTP_FIRST + RTP_PORTS * Math.floor(Math.random() * blocks);
  return { rtpFirst, rtpLast: rtpFirst + RTP_PORTS - 1 };
}

async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function freeUdpPort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}
