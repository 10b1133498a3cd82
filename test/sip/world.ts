import { createSocket } from "node:dgram";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AsteriskInstall, RunningAsterisk } from "../../deploy/engines/asterisk.ts";
import { systemClock } from "../../src/base/clock.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import { recordsDirOf } from "../../src/cli/demo/aftermath.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { follow } from "../support/follow.ts";
import { startWholeService, type WholeService } from "../support/whole-service.ts";
import { RtpEnd } from "./rtp-end.ts";
import { mark, type Step, TALKING } from "./scenario.ts";
import { sipp } from "./sipp.ts";

export const NUMBER = "4100";

// Two trunks by address: one that lends calls at once, and one whose dialplan takes its time.
const TRUNKS = `
[carrier](sidetone-trunk)
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
inband_progress = yes
[carrier-id](sidetone-trunk-address)
endpoint = carrier
match = 127.0.0.1
[slow](sidetone-trunk)
context = slow
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
100rel = yes
[slow-id](sidetone-trunk-address)
endpoint = slow
match = 127.0.0.2`;

const DIALPLAN = `
[slow]
exten => ring,1,Wait(10)
exten => _X.,1,Progress()
 same => n,Wait(0.2)
 same => n,Goto(sidetone-in,\${EXTEN},1)
[office]
exten => ann,1,Dial(PJSIP/ann,10)
exten => _X.,1,Goto(sidetone-internal,\${EXTEN},1)`;

/** Asterisk, service, and whoever calls them in unusual ways. */
export interface World extends AsyncDisposable {
  readonly whole: WholeService;
  /** A call by SIPp whose sound is this end's. The test runs beside the scenario. */
  call(steps: readonly (Step | readonly Step[])[], options?: CallOptions): Promise<RtpEnd>;
  /** The record of the newest call, once it is complete. */
  record(): Promise<Cdr>;
  records(): Promise<number>;
  /** What was understood of the caller's words so far, in the newest call: finals, and the guess at what is still being said. */
  readonly callerWords: string;
  /** What must be as it was: channels, globals, handles. */
  inventory(): Promise<Inventory>;
  /** Resolves when Asterisk has no channel left. */
  settled(): Promise<void>;
}

export interface CallOptions {
  readonly to?: string;
  readonly host?: string;
  readonly keys?: Readonly<Record<string, string | number>>;
  /** What happens meanwhile, at the end of the call that hears and speaks. `reached` resolves when the scenario has come to the `mark` of that name. */
  readonly meanwhile?: (end: RtpEnd, reached: (name: string) => Promise<void>) => Promise<void>;
}

const MARK_MS = 15_000;

export interface Inventory {
  readonly channels: string;
  readonly globals: string;
  readonly asteriskHandles: number;
  readonly workerHandles: number;
}

export async function startWorld(install: AsteriskInstall): Promise<World> {
  const whole = await startWholeService(install, {
    phones: ["support", "ann", { name: "bob", context: "office" }],
    // How soon a worker that hangs is killed is for others to say: here a busy machine shall end none.
    settings: { supervisor: { killAfterMs: 5000 } },
    extra: { "pjsip.conf": TRUNKS, "extensions.conf": DIALPLAN },
  });
  const { asterisk, service } = whole;
  const following = new AbortController();
  const newest = { finals: "", guess: "" };
  const followed = follow(service, following.signal, (event) => {
    if (event.type === "started") Object.assign(newest, { finals: "", guess: "" });
    else if (event.type === "callerWords" && event.final)
      Object.assign(newest, { finals: `${newest.finals} ${event.text}`, guess: "" });
    else if (event.type === "callerWords") newest.guess = event.text;
  });
  const records = async (limit: number): Promise<Cdr[]> => {
    const database = openReading(recordsDirOf(service.stateDir));
    if (!database) return [];
    try {
      return await listCalls(database.db, { limit });
    } finally {
      database.close();
    }
  };
  return {
    whole,
    async call(steps, { to = NUMBER, host, keys = {}, meanwhile } = {}) {
      const [end, marks] = await Promise.all([RtpEnd.open(), mkdtemp(join(tmpdir(), "sidetone-marks-"))]);
      try {
        const all = { rtp_port: end.port, marks, ...keys };
        const options = { steps, to, sipPort: asterisk.ports.sip, keys: all, ...(host !== undefined && { host }) };
        const talked = async (): Promise<void> => {
          await meanwhile?.(end, (name) => reached(join(marks, name)));
          if (steps.flat().includes(mark(TALKING))) await goOn(join(marks, TALKING));
        };
        await Promise.all([sipp(options), talked()]);
        return end;
      } finally {
        end.close();
        await rm(marks, { recursive: true, force: true });
      }
    },
    async record() {
      const deadline = systemClock.now() + 5_000;
      for (;;) {
        const [newest] = await records(1);
        if (newest?.ended) return newest;
        if (systemClock.now() > deadline) throw new Error("there is no complete record");
        await systemClock.sleep(50);
      }
    },
    records: async () => (await records(1_000)).length,
    get callerWords() {
      return `${newest.finals} ${newest.guess}`.trim();
    },
    async settled() {
      const deadline = systemClock.now() + 5_000;
      while (!(await channelsOf(asterisk)).startsWith("0 ")) {
        if (systemClock.now() > deadline) throw new Error(await asterisk.cli("core show channels"));
        await systemClock.sleep(50);
      }
    },
    async inventory() {
      const globals = await asterisk.cli("dialplan show globals");
      const channels = await channelsOf(asterisk);
      const handles = (pid: number): number => readdirSync(`/proc/${pid}/fd`).length;
      return {
        channels,
        // A reload puts them into another order.
        globals: globals
          .replace(/(SIDETONE_BEAT)=\d+/, "$1")
          .split("\n")
          .sort()
          .join("\n"),
        asteriskHandles: handles(asterisk.pid),
        workerHandles: handles(await service.workerPid()),
      };
    },
    async [Symbol.asyncDispose]() {
      following.abort();
      await followed;
      await whole[Symbol.asyncDispose]();
    },
  };
}

async function reached(file: string): Promise<void> {
  const deadline = systemClock.now() + MARK_MS;
  while (!existsSync(file)) {
    if (systemClock.now() > deadline) throw new Error(`the scenario has not come to ${file}`);
    await systemClock.sleep(20);
  }
}

/** Tells the scenario that waits at the mark that it may go on. */
async function goOn(file: string): Promise<void> {
  await reached(file);
  const [port, call] = (await readFile(file, "utf8")).trim().split(" ");
  const socket = createSocket("udp4");
  const lines = ["INFO sip:test SIP/2.0", "From: <sip:test>", "To: <sip:test>", `Call-ID: ${call}`, "CSeq: 1 INFO"];
  socket.send(`${lines.join("\r\n")}\r\nContent-Length: 0\r\n\r\n`, Number(port), "127.0.0.1", () => socket.close());
}

const channelsOf = async (asterisk: RunningAsterisk): Promise<string> =>
  (await asterisk.cli("core show channels count")).split("\n")[0] ?? "";
