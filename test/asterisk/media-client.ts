// A worker in miniature, as a process of its own that can be killed: connects to a lent call's audio and sends a tone.
// Arguments: the websocket's URL, the tone in Hz. Prints "up" when the first frame is on its way, "down" at the end.
import WebSocket from "ws";
import { systemClock } from "../../src/base/clock.ts";

const [url = "", toneHz = "0"] = process.argv.slice(2);
const socket = new WebSocket(url, "media", { perMessageDeflate: false });
let samples = 0;
let wide = false;

socket.on("message", (data: Buffer, isBinary) => {
  if (isBinary) return;
  const event = JSON.parse(data.toString()) as { event: string; format?: string };
  if (event.event !== "MEDIA_START") return;
  wide = event.format === "slin16";
  sendFrame();
  systemClock.every(20, sendFrame);
  process.stdout.write("up\n");
});
socket.on("close", () => {
  process.stdout.write("down\n");
  process.exit(0);
});
socket.on("unexpected-response", (_request, response) => {
  process.stdout.write(`refused ${response.statusCode}\n`);
  process.exit(0);
});
// "Back to the dialplan" is a line on standard input.
process.stdin.on("data", () => socket.send(JSON.stringify({ command: "HANGUP" })));

function sendFrame(): void {
  const rate = wide ? 16_000 : 8_000;
  const pcm = Int16Array.from(
    { length: rate / 50 },
    (_, i) => 8_000 * Math.sin((2 * Math.PI * Number(toneHz) * (samples + i)) / rate),
  );
  samples += pcm.length;
  if (socket.readyState === WebSocket.OPEN) socket.send(Buffer.from(pcm.buffer));
}
