import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFreeswitch, type RunningFreeswitch, startFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { tones } from "../../src/audio/tone.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { packageFolder } from "../../src/base/package.ts";
import { SipPeer } from "../asterisk/sip-peer.ts";
import { findPostgres, type Postgres, startPostgres } from "./postgres.ts";

const MENU_HZ = 500;
const SALES_HZ = 900;
const SQL = "freeswitch/fusionpbx/sidetone.sql";

// The columns of FusionPBX's app/dialplans/app_config.php and app/vars/app_config.php, of 21 August 2026.
const TABLES = `
create table v_dialplans (domain_uuid uuid, dialplan_uuid uuid primary key, app_uuid uuid, hostname text,
  dialplan_context text, dialplan_name text, dialplan_number text, dialplan_destination boolean, dialplan_continue boolean,
  dialplan_xml text, dialplan_order numeric, dialplan_enabled boolean, dialplan_description text, insert_date timestamptz,
  insert_user uuid, update_date timestamptz, update_user uuid);
create table v_vars (var_uuid uuid primary key, var_category text, var_name text, var_value text, var_command text,
  var_hostname text, var_enabled boolean, var_order numeric, var_description text, insert_date timestamptz,
  insert_user uuid, update_date timestamptz, update_user uuid);
insert into v_dialplans (dialplan_uuid, dialplan_context, dialplan_name, dialplan_order, dialplan_enabled, dialplan_xml) values
  (gen_random_uuid(), 'global', 'call-direction', 15, true,
   '<extension name="call-direction" continue="true"><condition><action application="export" data="call_direction=local"/></condition></extension>'),
  (gen_random_uuid(), '\${domain_name}', 'not_found', 999, true,
   '<extension name="not_found"><condition><action application="hangup" data="UNALLOCATED_NUMBER"/></condition></extension>');
`;

const programs = await findPostgres();

describe.skipIf(programs === undefined)("FusionPBX's database, after the import", () => {
  const undo = new AsyncDisposableStack();
  let database: Postgres;
  let pbx: RunningFreeswitch;
  let sales: SipPeer;
  let sounds = "";

  /** As its XML handler answers for a context: all entries of the context, and those of every context. */
  const dialplan = async (): Promise<string> => {
    const text = await database.sql(
      `select string_agg(dialplan_xml, E'\\n' order by dialplan_order) from v_dialplans where dialplan_enabled
       and dialplan_context in ('sidetone', '\${domain_name}', 'global') and hostname is null`,
    );
    return `<include>\n<context name="sidetone">\n${text}\n</context>\n</include>\n`;
  };
  /** As it writes vars.xml. */
  const variables = async (): Promise<string> => {
    const lines = await database.sql(
      `select '<X-PRE-PROCESS cmd="' || var_command || '" data="' || var_name || '=' || var_value || '" />'
       from v_vars where var_enabled and var_hostname is null order by var_category, var_order`,
    );
    return `<include>\n${lines}\n</include>\n`;
  };
  const change = (name: string, value: string): Promise<string> =>
    database.sql(`update v_vars set var_value = '${value}' where var_name = '${name}'`);

  beforeAll(async () => {
    database = undo.use(await startPostgres(programs ?? ""));
    await database.sql(TABLES);
    await database.file(SQL, packageFolder);
    const dir = await mkdtemp(join(tmpdir(), "sidetone-fusion-"));
    undo.defer(() => rm(dir, { recursive: true, force: true }));
    sounds = join(dir, "prompts");
    await mkdir(sounds);
    const pcm = tones({ hz: [MENU_HZ], ms: 200, rate: 8000, levelDbov: -12 });
    await writeFile(join(sounds, "menu.wav"), writeWav({ rate: 8000, channels: [pcm] }));
    pbx = await startFreeswitch({ install: await findFreeswitch(), sounds });
    undo.defer(() => pbx.stop());
    sales = await SipPeer.open(0);
    undo.defer(() => sales.close());
    sales.say(SALES_HZ);
  }, 60_000);
  afterAll(() => undo.disposeAsync(), 60_000);

  test("it may be run again: the administrator's values stay, the dialplan is the newest", async () => {
    await change("sidetone_key_ms", "1000");
    await change("sidetone_target_sales", `sofia/external/sip:sales@127.0.0.1:${sales.port}`);
    await change("sidetone_sounds", sounds);
    await database.sql("update v_dialplans set dialplan_xml = 'old' where dialplan_context = 'sidetone'");
    await database.file(SQL, packageFolder);
    expect(await database.sql("select var_value from v_vars where var_name = 'sidetone_key_ms'")).toBe("1000");
    expect(await database.sql("select count(*) from v_dialplans where dialplan_context = 'sidetone'")).toBe("1");
    expect(await dialplan()).toContain('name="sidetone-offer-again"');
  });

  test("FreeSWITCH takes what FusionPBX makes of it: the menu without a Sidetone, and its phone", async () => {
    // Nothing is left of the files: what the dialplan and the variables say is what came out of the database.
    await writeFile(join(pbx.dir, "conf/dialplan/sidetone.xml"), await dialplan());
    await writeFile(join(pbx.dir, "conf/vars.sidetone.xml"), await variables());
    expect(await pbx.cli("reloadxml")).toMatch(/^\+OK/);
    expect(await pbx.cli("global_getvar sidetone_key_ms")).toBe("1000");
    expect(await pbx.cli("global_getvar sidetone_target_support")).toContain("user/202@");
    const caller = await SipPeer.open(pbx.ports.trunk);
    try {
      caller.invite({ to: "4100" });
      await caller.hears(MENU_HZ);
      caller.press("1");
      await caller.hears(SALES_HZ);
    } finally {
      await caller.close();
    }
  });
});
