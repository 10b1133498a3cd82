import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { findProgram } from "../../deploy/engines/command.ts";
import { preparePackages } from "../../deploy/engines/packages.ts";
import { packageFolder } from "../../src/base/package.ts";

const SHIPPED = join(packageFolder, "freeswitch");
const files = readdirSync(SHIPPED, { recursive: true, encoding: "utf8" }).filter((name) => /\.(xml|inc)$/.test(name));
const read = (name: string): string => readFileSync(join(SHIPPED, name), "utf8");

interface Action {
  readonly application: string;
  readonly data: string;
}

/** One extension of the dialplan: what it asks, and what it does whether its conditions hold or not. */
interface Extension {
  readonly name: string;
  readonly text: string;
  readonly actions: readonly Action[];
  readonly inline: readonly Action[];
}

const withoutComments = (text: string): string => text.replace(/<!--[\s\S]*?-->/g, "");
const attribute = (tag: string, name: string): string => new RegExp(`${name}="([^"]*)"`).exec(tag)?.[1] ?? "";

const dialplan = withoutComments(read("dialplan/sidetone.xml"));
const extensions: Extension[] = [...dialplan.matchAll(/<extension name="([^"]+)">([\s\S]*?)<\/extension>/g)].map(
  ([, name = "", text = ""]) => {
    const tags = [...text.matchAll(/<(?:anti-)?action [^>]*>/g)].map(([tag]) => tag);
    const all = tags.map((tag) => ({
      application: attribute(tag, "application"),
      data: attribute(tag, "data"),
      inline: tag.includes('inline="true"'),
    }));
    return { name, text, actions: all.filter(({ inline }) => !inline), inline: all.filter(({ inline }) => inline) };
  },
);

/** Where a call goes that is not lent any more: nothing of the lending may be left. */
const back = extensions.filter(({ text }) =>
  /\^sidetone-(?:back|hung|next-[^"]*|menu|unavailable|last|\(\?:voicemail\|last\))\$?"/.test(text),
);

describe("the files for FreeSWITCH", () => {
  let xmllint: string | undefined;
  beforeAll(async () => {
    // Without root there may be no way to have it; under CI there is.
    await preparePackages(["libxml2-utils"]).catch((error: unknown) => {
      if (process.env.CI === "true") throw error;
    });
    xmllint = await findProgram("xmllint");
  }, 120_000);

  test.each(files)("%s is well-formed", (name) => {
    // FreeSWITCH's lines of its own pre-processor are XML as well.
    if (xmllint === undefined && process.env.CI !== "true") return;
    execFileSync(xmllint ?? "xmllint", ["--noout", join(SHIPPED, name)]);
  });

  test("no comment speaks of the pre-processor: FreeSWITCH would follow it there", () => {
    for (const name of files)
      for (const [comment] of read(name).matchAll(/<!--[\s\S]*?-->/g))
        expect(comment, name).not.toMatch(/pre-process /i);
  });

  test("a call that is back has no timer armed and no stale worker that could reset it, before anything else", () => {
    expect(back.map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "sidetone-untaken",
        "sidetone-nobody",
        "sidetone-died",
        "sidetone-told",
        "sidetone-hung",
        "sidetone-menu",
        "sidetone-next-target",
      ]),
    );
    for (const { name, actions } of back) {
      if (name === "sidetone-no-voicemail") continue;
      expect(actions[0], name).toMatchObject({ application: "unset", data: "socket_resume" });
      expect(actions[1], name).toMatchObject({ application: "sched_cancel", data: "" });
    }
  });

  test("a call is lent with a ticket, a timer and a way back", () => {
    const lending = extensions.filter(({ actions }) => actions.some(({ application }) => application === "socket"));
    expect(lending.map(({ name }) => name)).toEqual(["sidetone-lend"]);
    for (const { actions } of lending) {
      const order = actions.map(({ application, data }) => `${application} ${data}`);
      const socket = order.findIndex((line) => /^socket \$1 async full$/.test(line));
      expect(order.indexOf("set socket_resume=true")).toBeLessThan(socket);
      expect(order.indexOf("sched_transfer +2 sidetone-hung XML sidetone")).toBeLessThan(socket);
      expect(order.some((line) => line.startsWith("set sidetone_ticket="))).toBe(true);
      expect(order.indexOf("set sidetone_taken=no")).toBe(0);
      expect(order[socket + 1]).toBe("execute_extension sidetone-back XML sidetone");
    }
  });

  test("FreeSWITCH sends no silence of its own while a call is lent: it would stand between the agent's frames", () => {
    const settings = extensions.flatMap(({ name, actions }) =>
      actions.flatMap(({ data }) => (data.startsWith("send_silence_when_idle=") ? [`${name} ${data.slice(23)}`] : [])),
    );
    expect(settings).toEqual(["sidetone-offer 0", "sidetone-menu 400"]);
  });

  test("nothing that a caller chose stands in an argument", () => {
    const callers = /caller_id|sip_(?:from|to|h_|req|contact|user_agent)|destination_number|rdnis|switch_r_sdp/i;
    for (const { name, actions, inline, text } of extensions) {
      // What the human's phone is told is a line of Sidetone's own, and a regular expression has let it through.
      for (const { data } of [...actions, ...inline])
        expect(data.replace("sip_h_X-Sidetone-Reason='$1',origination_caller_id_name='$1'", ""), name).not.toMatch(
          callers,
        );
      // A value in a condition's field is expanded too; the dialled number itself is not, it has no dollar there.
      for (const [, field = ""] of text.matchAll(/field="([^"]*)"/g))
        if (field.includes("$")) expect(field, name).not.toMatch(callers);
    }
  });

  test("every step that is gone to is there", () => {
    const asked = [...dialplan.matchAll(/destination_number" expression="([^"]+)"/g)].map(([, text = ""]) => text);
    for (const { name, actions } of extensions)
      for (const { application, data } of actions) {
        if (!/^(?:transfer|execute_extension|sched_transfer)$/.test(application)) continue;
        const step = /(sidetone-[a-z-]+)/.exec(data)?.[1] ?? "";
        expect(
          asked.some((text) => text !== "^sidetone-" && new RegExp(text).test(step.replace(/-$/, "-none"))),
          `${name}: ${data}`,
        ).toBe(true);
      }
  });

  test("Sidetone's user of the Event Socket may not run the commands that run others", () => {
    const text = read("directory/sidetone.xml");
    const allowed = /name="esl-allowed-api" value="([^"]+)"/.exec(text)?.[1]?.split(",") ?? [];
    for (const command of [
      "system",
      "bg_system",
      "originate",
      "expand",
      "eval",
      "sched_api",
      "bgapi",
      "load",
      "xml_wrap",
    ])
      expect(allowed).not.toContain(command);
    expect(withoutComments(text)).not.toMatch(/esl-password/);
    expect(text).toMatch(/allow-empty-password" value="false"/);
  });

  test("FusionPBX gets every variable that the dialplan's own file has", () => {
    const sql = read("fusionpbx/sidetone.sql");
    const names = [...read("vars.sidetone.xml").matchAll(/data="(sidetone_\w+)=/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) expect(sql).toContain(`'${name}'`);
  });
});
