// A worker in miniature, as a process of its own that can be killed: connects to a lent call's audio and sends a tone.
// Prints "ready", reads a line with the websocket's URL and the tone in Hz; then prints "up" when the first frame is on its way,
// or "refused" and why, and "down" at the end. Any later line gives the call back to the dialplan.
import { createInterface } from "node:readline";
import WebSocket from "ws";
import { systemClock } from "../../src/base/clock.ts";

let samples = 0;
let wide = false;

let toneHz = 0;
let socket: WebSocket | undefined;

createInterface({ input: process.stdin }).on("line", (line) => {
  if (socket) {
    socket.send(JSON.stringify({ command: "HANGUP" }));
    return;
  }
  const [url = "", tone = "0"] = line.split(" ");
  toneHz = Number(tone);
  socket = connect(url);
});
process.stdout.write("ready\n");

function connect(url: string): WebSocket {
  const opened = new WebSocket(url, "media", { perMessageDeflate: false });
  opened.on("message", (data: Buffer, isBinary) => {
    if (isBinary) return;
    const event = JSON.parse(data.toString()) as { event: string; format?: string };
    if (event.event !== "MEDIA_START") return;
    wide = event.format === "slin16";
    sendFrame();
    systemClock.every(20, sendFrame);
    process.stdout.write("up\n");
  });
  opened.on("close", () => {
    process.stdout.write("down\n");
    process.exit(0);
  });
  opened.on("unexpected-response", (_request, response) => {
    process.stdout.write(`refused ${response.statusCode}\n`);
    process.exit(0);
  });
  return opened;
}

function sendFrame(): void {
  const rate = wide ? 16_000 : 8_000;
  const pcm = Int16Array.from(
    { length: rate / 50 },
    (_, i) => 8_000 * Math.sin((2 * Math.PI * toneHz * (samples + i)) / rate),
  );
  samples += pcm.length;
  if (socket?.readyState === WebSocket.OPEN) socket.send(Buffer.from(pcm.buffer));
}
