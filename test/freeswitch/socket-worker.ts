import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { createInterface } from "node:readline";

// A worker in miniature, in a process of its own so that it can be killed: plays one tone to every call that is lent to
// it. It never renews the dead-man's timer. "back NAME" on standard input says what comes next, and leaves.
const [port = "0", hz = "1000"] = process.argv.slice(2);
process.chdir(tmpdir());
const calls = new Set<{ socket: Socket; uuid: string }>();

const server = createServer((socket) => {
  let text = "";
  socket.on("data", (data) => {
    text += String(data);
    const uuid = /^Unique-ID: (\S+)$/m.exec(text)?.[1];
    if (uuid === undefined || [...calls].some((call) => call.socket === socket)) return;
    calls.add({ socket, uuid });
    const tone = `execute-app-name: playback\nexecute-app-arg: tone_stream://%(60000,0,${hz})`;
    socket.write(`api uuid_setvar ${uuid} sidetone_taken yes\n\nsendmsg\ncall-command: execute\n${tone}\n\n`);
    const attempt = /^variable_sidetone_attempt: (\d)$/m.exec(text)?.[1] ?? "0";
    process.stdout.write(`lent ${uuid} ${attempt}\n`);
  });
  socket.on("error", () => socket.destroy());
  socket.write("connect\n\n");
});
// Shared, as the ports of real workers are.
const address = { port: Number(port), host: "127.0.0.1", reusePort: true };
server.listen(address, () => process.stdout.write("ready\n"));

createInterface({ input: process.stdin }).on("line", (line) => {
  const [, next = ""] = /^back ?(.*)$/.exec(line) ?? [];
  for (const { socket, uuid } of calls) socket.end(`api uuid_setvar ${uuid} sidetone_next ${next}\n\nexit\n\n`);
});
process.stdin.on("end", () => process.exit(0));
