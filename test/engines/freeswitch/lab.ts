import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../free-port.ts";

/** A real FreeSWITCH on loopback, with nothing but what a test needs. */
export interface Lab {
  readonly sip: number;
  readonly esl: number;
  readonly password: string;
  readonly recordings: string;
  readonly pid: number;
  log(): Promise<string>;
  /** Stops it by force and removes its folder. */
  stop(): Promise<void>;
}

export interface LabOptions {
  /** Where calls are lent to, in this order. */
  readonly ports: readonly number[];
  readonly prefix?: string;
  /** More extensions of the context "public". */
  readonly extensions?: string;
  /** Actions before a call is lent. */
  readonly before?: string;
  readonly modules?: readonly string[];
}

const FOLDERS = ["conf", "log", "db", "run", "recordings"];
const MODULES = [
  ...["console", "logfile", "event_socket", "commands", "dptools", "expr", "hash", "db", "spandsp", "dialplan_xml"],
  ...["loopback", "sofia", "native_file", "sndfile", "tone_stream", "audio_stream"],
];
const LOOKS = 400;

export const labPrefix = (): string => process.env.SIDETONE_FREESWITCH ?? "";

export async function startLab(options: LabOptions): Promise<Lab> {
  const prefix = options.prefix ?? labPrefix();
  const dir = await mkdtemp(join(tmpdir(), "sidetone-freeswitch-"));
  const [esl, sip] = [await freePort(), await freePort()];
  const password = "lab-password";
  for (const folder of FOLDERS) await mkdir(join(dir, folder));
  await writeFile(join(dir, "conf/freeswitch.xml"), configOf(options, { esl, sip, password }));
  const to = (name: string, folder: string): string[] => [`-${name}`, join(dir, folder)];
  const args = [
    ...["-nonat", "-rp", "-nc", "-nf", "-mod", join(prefix, "mod"), "-temp", join(dir, "db")],
    ...[...to("conf", "conf"), ...to("log", "log"), ...to("db", "db"), ...to("run", "run"), ...to("storage", "db")],
    ...[...to("recordings", "recordings"), ...to("cache", "db"), ...to("sounds", "conf"), ...to("scripts", "conf")],
    ...[...to("htdocs", "conf"), ...to("grammar", "conf"), ...to("certs", "conf")],
  ];
  const child = spawn(join(prefix, "bin/freeswitch"), args, { stdio: "ignore" });
  const exited = once(child, "exit");
  const log = (): Promise<string> => readFile(join(dir, "log/freeswitch.log"), "utf8").catch(() => "");
  for (let look = 0; !(await log()).includes("FreeSWITCH Started"); look++) {
    if (look > LOOKS || child.exitCode !== null) throw new Error(`FreeSWITCH did not start: ${await log()}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    sip,
    esl,
    password,
    recordings: join(dir, "recordings"),
    pid: child.pid ?? 0,
    log,
    async stop() {
      child.kill("SIGKILL");
      await exited;
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** What FreeSWITCH puts in itself. */
const expanded = (what: string): string => `$\{${what}}`;
const param = (name: string, value: string | number): string => `<param name="${name}" value="${value}"/>`;
const action = (application: string, data = ""): string => `<action application="${application}" data="${data}"/>`;
const settings = (params: Readonly<Record<string, string | number>>): string =>
  `<settings>${Object.entries(params)
    .map(([name, value]) => param(name, value))
    .join("")}</settings>`;

function configOf(
  { ports, extensions = "", before = "", modules = MODULES }: LabOptions,
  { esl, sip, password }: { esl: number; sip: number; password: string },
): string {
  const rtp = 20_000 + (sip % 200) * 50;
  const hosts = ports.map((port) => `127.0.0.1:${port}`).join("|");
  const sofia = {
    "sip-ip": "127.0.0.1",
    "rtp-ip": "127.0.0.1",
    "sip-port": sip,
    "rtp-timer-name": "soft",
    "auth-calls": "false",
    context: "public",
    dialplan: "XML",
    "inbound-codec-prefs": "G722,PCMU,PCMA",
    "inbound-late-negotiation": "true",
    "inbound-codec-negotiation": "generous",
    "rtp-timeout-sec": 30,
    // Keys by SIP INFO are taken beside those in RTP.
    "liberal-dtmf": "true",
  };
  const events = { "listen-ip": "127.0.0.1", "listen-port": esl, password, "nat-map": "false" };
  return `<?xml version="1.0"?>
<document type="freeswitch/xml">
<section name="configuration">
<configuration name="switch.conf">${settings({ "max-sessions": 1000, "sessions-per-second": 500, loglevel: "debug", "rtp-start-port": rtp, "rtp-end-port": rtp + 4000 })}</configuration>
<configuration name="modules.conf"><modules>${modules.map((name) => `<load module="mod_${name}"/>`).join("")}</modules></configuration>
<configuration name="logfile.conf"><settings/><profiles><profile name="default"><settings/><mappings><map name="all" value="console,debug,info,notice,warning,err,crit,alert"/></mappings></profile></profiles></configuration>
<configuration name="event_socket.conf">${settings(events)}</configuration>
<configuration name="acl.conf"><network-lists/></configuration>
<configuration name="spandsp.conf"><modem-settings/><fax-settings/><descriptors/></configuration>
<configuration name="sofia.conf"><profiles><profile name="lab">${settings(sofia)}</profile></profiles></configuration>
</section>
<section name="dialplan"><context name="public">
<extension name="menu"><condition field="destination_number" expression="^sidetone-menu$">
${action("unset", "socket_resume")}${action("sched_cancel")}${action("unset", "sidetone_ticket")}
${action("playback", "tone_stream://%(60000,0,1000)")}
</condition></extension>
${next("sales", action("playback", "tone_stream://%(60000,0,600)"))}
${next("hangup", action("hangup", "NORMAL_CLEARING"))}
<extension name="next-menu"><condition field="destination_number" expression="^sidetone-next$">${action("transfer", "sidetone-menu XML public")}</condition></extension>
${extensions}
<extension name="in"><condition field="destination_number" expression="^[0-9+]+$">
${action("answer")}
${action("set", "sidetone_trunk=lab")}${action("set", "sidetone_attempt=1")}${action("set", "sidetone_next=")}
${action("set", `sidetone_ticket=${expanded("create_uuid()")}`)}
${action("set", "sidetone_deadman=sidetone-menu XML public")}
${before}
${action("sched_transfer", "+2 sidetone-menu XML public")}
${action("set", "socket_resume=true")}
${action("socket", `${hosts} async full`)}
${action("unset", "socket_resume")}${action("sched_cancel")}${action("unset", "sidetone_ticket")}
${action("transfer", "sidetone-next XML public")}
</condition></extension>
</context></section>
<section name="directory"/>
</document>`;
}

const next = (name: string, actions: string): string =>
  `<extension name="next-${name}"><condition field="destination_number" expression="^sidetone-next$"/><condition field="${expanded("sidetone_next")}" expression="^${name}$">${actions}</condition></extension>`;
