import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageFolder } from "../../src/base/package.ts";
import type { AsteriskInstall } from "./asterisk-install.ts";

/** The port numbers of one Asterisk, all on 127.0.0.1. `http` carries ARI, the calls' audio and SIP over websocket. */
export interface AsteriskPorts {
  readonly sip: number;
  readonly http: number;
  readonly ami: number;
  readonly rtpFirst: number;
  readonly rtpLast: number;
}

/** A SIP account for a simulated phone. It can register and call over UDP and over websocket alike. */
export interface PhoneAccount {
  readonly name: string;
  /** Where its calls go in the dialplan; default: "sidetone-in", as a trunk's do. */
  readonly context?: string;
  /** Codecs that it may use, as pjsip's `allow` takes them; default: the shipped template's. */
  readonly codecs?: string;
}

export interface AsteriskConfig {
  readonly install: AsteriskInstall;
  /** Everything that this Asterisk writes is below it. */
  readonly dir: string;
  readonly ports: AsteriskPorts;
  readonly phones: readonly (PhoneAccount & { readonly password: string })[];
  readonly ariPassword: string;
  readonly amiPassword: string;
  /** The dialplan's globals, over the shipped ones. */
  readonly globals: Readonly<Record<string, string>>;
  /** Text to put at the end of a file of the PBX, e.g. {"extensions.conf": "[test]\n…"}. */
  readonly extra: Readonly<Record<string, string>>;
}

const SHIPPED = join(packageFolder, "asterisk");

/**
 * Writes the configuration of a small PBX with Sidetone beside it into `dir`/etc: the PBX's own files, which include
 * the shipped ones as any administrator's would. Returns the path of asterisk.conf.
 */
export async function writeAsteriskConfig(config: AsteriskConfig): Promise<string> {
  const etc = join(config.dir, "etc");
  for (const name of ["etc", "lib/keys", "spool", "run", "log"]) {
    await mkdir(join(config.dir, name), { recursive: true });
  }
  await chmod(config.dir, 0o700);
  for (const name of await readdir(SHIPPED)) {
    if (!name.endsWith(".conf")) continue;
    await writeFile(join(etc, name), withPasswords(await readFile(join(SHIPPED, name), "utf8"), config));
  }
  const moduleNames = (await readdir(config.install.modulesDir)).filter((name) => name.endsWith(".so"));
  for (const [name, text] of Object.entries(filesOf(config, moduleNames))) {
    await writeFile(join(etc, name), `${text}\n${config.extra[name] ?? ""}\n`);
  }
  return join(etc, "asterisk.conf");
}

/** What the files tell the administrator to do by hand: give each user a password, take away the semicolon. */
const withPasswords = (text: string, { ariPassword, amiPassword }: AsteriskConfig): string =>
  text.replace(/^;(.*)@ARI_PASSWORD@/m, `$1${ariPassword}`).replace(/^;(.*)@AMI_PASSWORD@/m, `$1${amiPassword}`);

const filesOf = (config: AsteriskConfig, moduleNames: readonly string[]): Record<string, string> => ({
  "asterisk.conf": directories(config),
  "modules.conf": modules(moduleNames),
  "logger.conf": "[logfiles]\nmessages = notice,warning,error",
  "indications.conf": indications,
  "http.conf": `[general]\nbindport=${config.ports.http}\n#include http.sidetone.conf`,
  "ari.conf": "[general]\nenabled=yes\n#include ari.sidetone.conf",
  "manager.conf": manager(config.ports.ami),
  "rtp.conf": `[general]\nrtpstart=${config.ports.rtpFirst}\nrtpend=${config.ports.rtpLast}`,
  "pjsip.conf": pjsip(config),
  "extensions.conf": extensions(config.globals),
  ...UNCHANGED,
});

/** Asterisk complains where one of these is missing, and takes its defaults where it says nothing. */
const UNCHANGED: Record<string, string> = {
  "acl.conf": "",
  "chan_websocket.conf": "",
  "websocket_client.conf": "",
  "ccss.conf": "[general]",
  "cdr.conf": "[general]",
  "cel.conf": "[general]",
  "features.conf": "[general]",
  "pjproject.conf": "",
  "udptl.conf": "[general]",
  "voicemail.conf": "[general]",
};

const directories = ({ install, dir }: AsteriskConfig): string => `[directories]
astetcdir = ${dir}/etc
astmoddir = ${install.modulesDir}
astvarlibdir = ${dir}/lib
astdbdir = ${dir}/lib
astkeydir = ${dir}/lib
astdatadir = ${install.dataDir}
astagidir = ${dir}/lib
astcachedir = ${dir}/spool
astspooldir = ${dir}/spool
astrundir = ${dir}/run
astlogdir = ${dir}/log
[options]
nocolor = yes
`;

// What a PBX this small has no use for, and what would only complain that it is not configured.
const LEFT_OUT = [
  /^(cdr|cel|pbx_(?!config|spool)|res_(odbc|config|calendar|fax|hep|phoneprov|snmp|smdi|xmpp|adsi|aeap|ael|corosync))/,
  /^(chan_(?!pjsip|websocket|audiosocket|rtp|bridge)|app_(voicemail_|minivm|jack|adsi|alarm|festival|queue|agent|page))/,
  /^(app_(followme|amd|confbridge|sms|mp3|dictate|sla|celgen)|res_(parking|statsd|stun|geolocation|prometheus|musiconhold))/,
  /^(res_(pjsip_(geolocation|stir|phoneprov|config_wizard|notify|t38)|stir|curl|config_curl|cdrel|clialiases))/,
  /^(func_(odbc|curl|realtime|speex)|codec_codec2|res_(http_media|http_post|limit|speech_aeap|stasis_test)|app_getcpeid)/,
];

function modules(names: readonly string[]): string {
  const left = names.filter((name) => LEFT_OUT.some((pattern) => pattern.test(name)));
  return ["[modules]", "autoload = yes", ...left.map((name) => `noload = ${name}`)].join("\n");
}

const indications = `[general]
country = us
[us]
description = United States
ringcadence = 2000,4000
dial = 350+440
busy = 480+620/500,0/500
ring = 440+480/2000,0/4000
congestion = 480+620/250,0/250
callwaiting = 440/300,0/10000
dialrecall = !350+440/100,!0/100,!350+440/100,!0/100,350+440
record = 1400/500,0/15000
info = !950/330,!1400/330,!1800/330,0
stutter = !350+440/100,!0/100,!350+440/100,!0/100,350+440
#include indications.sidetone.conf`;

const manager = (port: number): string => `[general]
enabled = yes
bindaddr = 127.0.0.1
port = ${port}
webenabled = no
#include manager.sidetone.conf`;

const pjsip = ({ ports, phones }: AsteriskConfig): string => `[global]
type = global
endpoint_identifier_order = username,ip
[transport-udp]
type = transport
protocol = udp
bind = 127.0.0.1:${ports.sip}
[transport-ws]
type = transport
protocol = ws
bind = 127.0.0.1:${ports.sip}
#include pjsip.sidetone.conf
${phones.map(phone).join("\n")}`;

// The audio's address is given, because the one that Asterisk would name on a websocket is not where it listens.
const phone = ({ name, password, context = "sidetone-in", codecs }: AsteriskConfig["phones"][number]): string => `
[${name}](sidetone-phone)
context = ${context}
${codecs === undefined ? "" : `allow = !all,${codecs}`}
auth = ${name}
aors = ${name}
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
[${name}](sidetone-phone-aor)
qualify_frequency = 0
[${name}]
type = auth
auth_type = userpass
username = ${name}
password = ${password}`;

const extensions = (globals: AsteriskConfig["globals"]): string => `[general]
static = yes
writeprotect = yes
[globals]
#include globals.sidetone.conf
${Object.entries(globals)
  .map(([name, value]) => `${name} = ${value}`)
  .join("\n")}
#include extensions.sidetone.conf`;
