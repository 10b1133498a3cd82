import { chmod, cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageFolder } from "../../src/base/package.ts";
import type { FreeswitchInstall } from "./freeswitch-install.ts";

/** The port numbers of one FreeSWITCH, all on 127.0.0.1, and those where Sidetone's workers wait for its calls. */
export interface FreeswitchPorts {
  /** Phones, which register. */
  readonly sip: number;
  /** Trunks, which do not. */
  readonly trunk: number;
  readonly esl: number;
  readonly lend: readonly number[];
  readonly rtpFirst: number;
  readonly rtpLast: number;
}

/** A SIP account for a simulated phone. */
export interface FreeswitchPhone {
  readonly name: string;
  readonly password: string;
  /** Where its calls go in the dialplan; default: "default", as phones' do. */
  readonly context?: string;
}

export interface FreeswitchConfig {
  readonly install: FreeswitchInstall;
  /** Everything that this FreeSWITCH writes is below it. */
  readonly dir: string;
  readonly ports: FreeswitchPorts;
  readonly phones: readonly FreeswitchPhone[];
  /** Of Sidetone's own user. */
  readonly eslPassword: string;
  /** Of the socket itself, for whoever runs the tests. */
  readonly adminPassword: string;
  /** The dialplan's globals, over the shipped ones. */
  readonly globals: Readonly<Record<string, string>>;
  /** More of the dialplan: XML to stand in conf/dialplan. */
  readonly dialplan: string;
  /** More settings of the profile of trunks. */
  readonly trunkSettings: Readonly<Record<string, string>>;
  readonly logLevel: string;
}

const SHIPPED = join(packageFolder, "freeswitch");
/** The domain of phones: they register at the address. */
export const DOMAIN = "127.0.0.1";

// In the order in which they are loaded; what an installation does not have is left out.
const MODULES = [
  "logfile event_socket commands db dptools expr hash valet_parking voicemail spandsp opus dialplan_xml loopback sofia",
  "native_file sndfile tone_stream say_en audio_stream",
]
  .join(" ")
  .split(" ");

/**
 * Writes the configuration of a small PBX with Sidetone beside it into `dir`/conf: the PBX's own files, and the shipped
 * ones where an administrator would put them.
 */
export async function writeFreeswitchConfig(config: FreeswitchConfig): Promise<void> {
  const conf = join(config.dir, "conf");
  for (const name of ["conf/directory", "log", "db", "run", "spool", "tmp"])
    await mkdir(join(config.dir, name), { recursive: true });
  await chmod(config.dir, 0o700);
  await cp(join(SHIPPED, "dialplan"), join(conf, "dialplan"), { recursive: true });
  await cp(join(SHIPPED, "vars.sidetone.xml"), join(conf, "vars.sidetone.xml"));
  await cp(join(SHIPPED, "autoload_configs"), join(conf, "autoload_configs"), { recursive: true });
  const user = await readFile(join(SHIPPED, "directory/sidetone.xml"), "utf8");
  await writeFile(join(conf, "directory/sidetone.xml"), withPassword(user, config.eslPassword));
  const socket = join(conf, "autoload_configs/event_socket.conf.xml");
  await writeFile(socket, socketOf(await readFile(socket, "utf8"), config));
  const modules = new Set(await readdir(config.install.modulesDir));
  for (const [name, text] of Object.entries(filesOf(config, modules))) await writeFile(join(conf, name), text);
}

/** What the file tells the administrator to do by hand: give the user a password, take away the comment. */
const withPassword = (text: string, password: string): string =>
  text.replace(/<!--(<param name="esl-password" value=")@ESL_PASSWORD@("\/>)-->/, `$1${password}$2`);

const socketOf = (text: string, { ports, adminPassword }: FreeswitchConfig): string =>
  text.replace("@FS_CLI_PASSWORD@", adminPassword).replace('value="8021"', `value="${ports.esl}"`);

const filesOf = (config: FreeswitchConfig, modules: ReadonlySet<string>): Record<string, string> => ({
  "freeswitch.xml": document(config),
  "autoload_configs/switch.conf.xml": settings("switch.conf", {
    "max-sessions": "1000",
    "sessions-per-second": "200",
    loglevel: config.logLevel,
    "rtp-start-port": String(config.ports.rtpFirst),
    "rtp-end-port": String(config.ports.rtpLast - 1),
  }),
  "autoload_configs/modules.conf.xml": modulesConf(modules),
  "autoload_configs/logfile.conf.xml": logfile(config.logLevel),
  "autoload_configs/acl.conf.xml": `<configuration name="acl.conf"><network-lists>
    <X-PRE-PROCESS cmd="include" data="acl.sidetone.inc"/>
  </network-lists></configuration>`,
  "autoload_configs/spandsp.conf.xml": `<configuration name="spandsp.conf">
    <modem-settings><param name="total-modems" value="0"/></modem-settings><fax-settings/><descriptors/>
  </configuration>`,
  "autoload_configs/voicemail.conf.xml": `<configuration name="voicemail.conf"><settings/><profiles>
    <profile name="default"><param name="storage-dir" value="${config.dir}/spool"/></profile>
  </profiles></configuration>`,
  ...Object.fromEntries(EMPTY.map((name) => [`autoload_configs/${name}.conf.xml`, settings(`${name}.conf`, {})])),
  "autoload_configs/sofia.conf.xml": sofia(config),
  "dialplan/default.xml": context("default", "default/*.xml"),
  "dialplan/public.xml": context("public", "public/*.xml"),
  "dialplan/more.xml": `<include>\n${config.dialplan}\n</include>\n`,
  "directory/default.xml": directory(config.phones),
});

/** FreeSWITCH complains where one of these is missing, and takes its defaults where it says nothing. */
const EMPTY = ["opus", "timezones", "db", "hash", "loopback", "event_multicast"];

// FreeSWITCH reads these files by the line: it follows an X-PRE-PROCESS wherever it stands, and forgets what else is on a
// line with it or with <include>.
const document = ({ globals }: FreeswitchConfig): string => `<?xml version="1.0"?>
<document type="freeswitch/xml">
  <X-PRE-PROCESS cmd="set" data="domain=${DOMAIN}"/>
  <X-PRE-PROCESS cmd="include" data="vars.sidetone.xml"/>
  ${Object.entries(globals)
    .map(([name, value]) => `<X-PRE-PROCESS cmd="set" data="${escaped(`${name}=${value}`)}"/>`)
    .join("\n  ")}
  <section name="configuration">
    <X-PRE-PROCESS cmd="include" data="autoload_configs/*.xml"/>
  </section>
  <section name="dialplan">
    <X-PRE-PROCESS cmd="include" data="dialplan/*.xml"/>
  </section>
  <section name="directory">
    <X-PRE-PROCESS cmd="include" data="directory/*.xml"/>
  </section>
</document>
`;

const escaped = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");

const params = (values: Readonly<Record<string, string>>): string =>
  Object.entries(values)
    .map(([name, value]) => `<param name="${name}" value="${escaped(value)}"/>`)
    .join("\n      ");

const settings = (name: string, values: Readonly<Record<string, string>>): string =>
  `<configuration name="${name}"><settings>
      ${params(values)}
  </settings></configuration>\n`;

const modulesConf = (present: ReadonlySet<string>): string =>
  `<configuration name="modules.conf"><modules>${MODULES.filter((name) => present.has(`mod_${name}.so`))
    .map((name) => `\n    <load module="mod_${name}"/>`)
    .join("")}
  </modules></configuration>\n`;

const logfile = (level: string): string =>
  `<configuration name="logfile.conf"><settings/><profiles><profile name="default">
    <settings/>
    <mappings><map name="all" value="${level === "debug" ? "debug,info,notice,warning,err,crit,alert" : "warning,err,crit,alert"}"/></mappings>
  </profile></profiles></configuration>\n`;

const context = (name: string, files: string): string =>
  `<include>
  <context name="${name}">
    <X-PRE-PROCESS cmd="include" data="${files}"/>
  </context>
</include>\n`;

const directory = (phones: readonly FreeswitchPhone[]): string => `<include>
<domain name="${DOMAIN}">
  <params>
    <param name="dial-string" value="{sip_invite_domain=\${dialed_domain}}\${sofia_contact(*/\${dialed_user}@\${dialed_domain})}"/>
  </params>
  <groups><group name="default"><users>${phones.map(phone).join("")}
  </users></group></groups>
</domain>
</include>\n`;

const phone = ({ name, password, context = "default" }: FreeswitchPhone): string => `
    <user id="${name}"><params><param name="password" value="${password}"/></params>
      <variables><variable name="user_context" value="${context}"/></variables></user>`;

// Two ends of one FreeSWITCH wait for each other's sound without a timer of their own.
const PROFILE = {
  "rtp-ip": "127.0.0.1",
  "sip-ip": "127.0.0.1",
  "rtp-timer-name": "soft",
  "rfc2833-pt": "101",
  dialplan: "XML",
  "inbound-codec-prefs": "PCMU,PCMA,G722",
  "outbound-codec-prefs": "PCMU,PCMA,G722",
  "inbound-late-negotiation": "true",
  "inbound-codec-negotiation": "generous",
  "manage-presence": "false",
  "nonce-ttl": "60",
};

const sofia = ({ ports, trunkSettings }: FreeswitchConfig): string => `<configuration name="sofia.conf">
  <global_settings><param name="log-level" value="0"/></global_settings>
  <profiles>
    <profile name="internal"><settings>
      ${params({
        ...PROFILE,
        "sip-port": String(ports.sip),
        context: "default",
        "auth-calls": "true",
        "force-register-domain": DOMAIN,
        "force-register-db-domain": DOMAIN,
      })}
    </settings></profile>
    <profile name="external"><settings>
      ${params({ ...PROFILE, "sip-port": String(ports.trunk), context: "public", "auth-calls": "false", ...trunkSettings })}
    </settings></profile>
  </profiles>
</configuration>\n`;
