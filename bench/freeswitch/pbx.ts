import { spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "../../src/base/clock.ts";

export interface Pbx {
  readonly sipPort: number;
  stop(): Promise<void>;
}

const STARTED_MS = 30_000;
const MODULES = [
  "mod_console",
  "mod_logfile",
  "mod_event_socket",
  "mod_commands",
  "mod_dptools",
  "mod_dialplan_xml",
  "mod_spandsp",
  "mod_sofia",
  "mod_sndfile",
  "mod_tone_stream",
  "mod_audio_stream",
];

/** Starts a FreeSWITCH of its own below `prefix`, on loopback, whose one extension lends every call to `socketPort`; its menu is a tone of 1,000 Hz. */
export async function startPbx(options: { prefix: string; sipPort: number; socketPort: number }): Promise<Pbx> {
  const root = mkdtempSync(join(tmpdir(), "sidetone-fs-"));
  for (const name of ["conf", "log", "db", "run", "tmp"]) mkdirSync(join(root, name));
  writeFileSync(join(root, "conf/freeswitch.xml"), configuration(options));
  const at = (name: string): string => join(root, name);
  const folders = { conf: "conf", log: "log", db: "db", run: "run", temp: "tmp", storage: "db", cache: "db" };
  const rest = { recordings: "db", scripts: "conf", htdocs: "conf", grammar: "conf", certs: "conf", sounds: "conf" };
  const args = Object.entries({ ...folders, ...rest }).flatMap(([name, folder]) => [`-${name}`, at(folder)]);
  const child = spawn(
    join(options.prefix, "bin/freeswitch"),
    ["-nonat", "-rp", "-nc", "-nf", "-mod", join(options.prefix, "mod"), ...args],
    { stdio: "ignore" },
  );
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  // However the bench ends, its FreeSWITCH ends with it.
  process.once("exit", () => child.kill("SIGKILL"));
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    const late = systemClock.after(10_000, () => child.kill("SIGKILL"));
    await ended;
    late.cancel();
    rmSync(root, { recursive: true, force: true });
  };
  const log = (): string => {
    try {
      return readFileSync(join(root, "log/freeswitch.log"), "utf8");
    } catch {
      return "";
    }
  };
  const untilMs = systemClock.now() + STARTED_MS;
  while (!log().includes("FreeSWITCH Started")) {
    if (child.exitCode !== null || systemClock.now() > untilMs) {
      const tail = log().slice(-2000);
      await stop();
      throw new Error(`FreeSWITCH did not start:\n${tail}`);
    }
    await systemClock.sleep(100);
  }
  return { sipPort: options.sipPort, stop };
}

function configuration({ sipPort, socketPort }: { sipPort: number; socketPort: number }): string {
  const param = (name: string, value: string | number): string => `<param name="${name}" value="${value}"/>`;
  const file = (name: string, inner: string): string => `<configuration name="${name}.conf">${inner}</configuration>`;
  const sofia = [
    param("sip-ip", "127.0.0.1"),
    param("rtp-ip", "127.0.0.1"),
    param("sip-port", sipPort),
    param("rtp-timer-name", "soft"),
    param("auth-calls", "false"),
    param("context", "lend"),
    param("dialplan", "XML"),
    param("inbound-codec-prefs", "PCMU,PCMA,G722"),
    param("inbound-codec-negotiation", "generous"),
    param("inbound-late-negotiation", "true"),
  ].join("");
  return `<document type="freeswitch/xml"><section name="configuration">
${file("switch", `<settings>${param("max-sessions", 400)}${param("sessions-per-second", 200)}${param("loglevel", "info")}${param("rtp-start-port", 31_000)}${param("rtp-end-port", 33_000)}</settings>`)}
${file("modules", `<modules>${MODULES.map((name) => `<load module="${name}"/>`).join("")}</modules>`)}
${file("logfile", `<settings/><profiles><profile name="default"><settings/><mappings><map name="all" value="info,notice,warning,err,crit,alert"/></mappings></profile></profiles>`)}
${file("event_socket", `<settings>${param("listen-ip", "127.0.0.1")}${param("listen-port", sipPort + 1)}${param("password", "of the bench alone")}</settings>`)}
${file("acl", "<network-lists/>")}${file("spandsp", "<modem-settings/>")}
${file("sofia", `<profiles><profile name="bench"><settings>${sofia}</settings></profile></profiles>`)}
</section><section name="dialplan"><context name="lend"><extension name="lend"><condition field="destination_number" expression="^.*$">
<action application="set" data="rtp_timeout_sec=10"/><action application="answer"/>
<action application="socket" data="127.0.0.1:${socketPort} async full"/>
<action application="playback" data="tone_stream://%(20000,0,1000)"/>
</condition></extension></context></section></document>`;
}
