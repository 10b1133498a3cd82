import { describe, expect, test } from "vitest";
import { cond } from "../fakes/freeswitch/fake-freeswitch.ts";
import { Dialplan, expanded, type Lookup } from "../model/freeswitch/dialplan.ts";

// The same on a real FreeSWITCH is in hosts.freeswitch.ts, which `npm test` has not got.
const NOW = 1_795_719_566;
const PAST = NOW;
const FUTURE = NOW + 1;

/** Walks from an extension to the first application that is more than a variable, and says which. */
function arrive(
  from: string,
  { globals, own = {} }: { globals: Record<string, unknown>; own?: Record<string, string> },
) {
  const dialplan = new Dialplan();
  const variables = new Map(Object.entries(own));
  const set = (data: string): void => {
    const at = data.indexOf("=");
    variables.set(data.slice(0, at), data.slice(at + 1));
  };
  const lookup: Lookup = {
    variable: (name) => variables.get(name) ?? String(globals[name] ?? ""),
    call(name, args) {
      if (name === "strepoch") return String(NOW);
      if (name === "global_getvar") return String(globals[args] ?? "");
      return name === "cond" ? cond(args) : "";
    },
    inline: ({ data }) => set(expanded(data, lookup)),
  };
  const walk = (name: string): string | undefined => {
    for (const { app, data: raw } of dialplan.find(name, lookup)) {
      const data = expanded(raw, lookup);
      const [next = ""] = data.split(" ");
      const end = next === "sidetone-menu" ? next : app === "socket" ? next : undefined;
      if (end !== undefined) return end;
      if (app === "set") set(data);
      else if (app === "unset") variables.delete(data);
      else if (app === "execute_extension") {
        const found = walk(next);
        if (found !== undefined) return found;
      }
    }
    return undefined;
  };
  return { at: walk(from), variables };
}

const until = (times: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(times).map(([host, time]) => [`sidetone_until_${host}_8084`, time]));

describe("where the dialplan of FreeSWITCH offers a call", () => {
  test.each<[string, Record<string, number>, string]>([
    ["127.0.0.1:8084|127.0.0.1:8085", {}, "127.0.0.1:8084|127.0.0.1:8085"],
    ["localhost:8084", {}, "localhost:8084"],
    // Who has said something is believed; whose time is over is left out; of the others nothing is known.
    ["10.0.0.1:8084|10.0.0.2:8084", { "10.0.0.1": FUTURE, "10.0.0.2": FUTURE }, "10.0.0.1:8084|10.0.0.2:8084"],
    ["10.0.0.1:8084|10.0.0.2:8084", { "10.0.0.1": PAST, "10.0.0.2": FUTURE }, "10.0.0.2:8084"],
    ["10.0.0.1:8084|10.0.0.2:8084", { "10.0.0.1": PAST, "10.0.0.2": PAST }, "sidetone-menu"],
    ["10.0.0.1:8084|10.0.0.2:8084", { "10.0.0.2": FUTURE }, "10.0.0.2:8084|10.0.0.1:8084"],
    ["10.0.0.1:8084|10.0.0.2:8084", {}, "10.0.0.1:8084|10.0.0.2:8084"],
    ["10.0.0.1:8084|127.0.0.1:8084", { "10.0.0.1": PAST }, "127.0.0.1:8084"],
    [
      "pbx.example:8084|127.0.0.1:8084|10.0.0.1:8084",
      { "10.0.0.1": FUTURE },
      "127.0.0.1:8084|10.0.0.1:8084|pbx.example:8084",
    ],
    // A fifth is not looked at, and tried last.
    ["a:1|b:1|c:1|127.0.0.1:1|d:1", {}, "127.0.0.1:1|a:1|b:1|c:1|d:1"],
  ])("%s, %o: %s", (sidetone_socket, times, expected) => {
    const { at, variables } = arrive("sidetone-offer", { globals: { sidetone_socket, ...until(times) } });
    expect(at).toBe(expected);
    expect(variables.get("sidetone_attempt")).toBe("1");
  });

  test.each<[string, string, Record<string, number>, string]>([
    // Only another host, of which it is known that it is there, is worth another wait.
    ["1", "", { "10.0.0.1": PAST, "10.0.0.2": FUTURE }, "10.0.0.2:8084"],
    ["1", "", { "10.0.0.1": PAST }, "sidetone-menu"],
    ["2", "", { "10.0.0.1": PAST, "10.0.0.2": FUTURE }, "sidetone-menu"],
    ["1", "menu", { "10.0.0.1": PAST, "10.0.0.2": FUTURE }, "sidetone-menu"],
  ])("a worker hangs at attempt %s, next %o, %o: %s", (sidetone_attempt, sidetone_next, times, expected) => {
    const globals = { sidetone_socket: "10.0.0.1:8084|10.0.0.2:8084", ...until(times) };
    const { at, variables } = arrive("sidetone-hung", { globals, own: { sidetone_attempt, sidetone_next } });
    expect(at).toBe(expected);
    const lost = expected !== "sidetone-menu";
    expect([variables.get("sidetone_attempt"), variables.get("sidetone_reason")]).toEqual(
      lost ? ["2", "lost"] : [sidetone_attempt, "hung"],
    );
  });

  test("who has let the timer run out is not asked again, although the time that it named is not over", () => {
    const globals = {
      sidetone_socket: "10.0.0.1:8084|10.0.0.1:8085|10.0.0.11:8084|10.0.0.2:8084",
      ...until({ "10.0.0.1": FUTURE, "10.0.0.11": FUTURE, "10.0.0.2": FUTURE }),
      "sidetone_until_10.0.0.1_8085": FUTURE,
    };
    const own = { sidetone_attempt: "1", socket_host: "10.0.0.1" };
    const { at, variables } = arrive("sidetone-hung", { globals, own });
    expect(at).toBe("10.0.0.11:8084|10.0.0.2:8084");
    expect(variables.get("sidetone_silent")).toBeUndefined();
    // Nobody else is there.
    const alone = arrive("sidetone-hung", { globals: { ...globals, sidetone_socket: "10.0.0.1:8084" }, own });
    expect(alone.at).toBe("sidetone-menu");
  });

  test("where the host before was cut off, and its connection ends at last, the call is offered once more, and once only", () => {
    const globals = { sidetone_socket: "10.0.0.1:8084|10.0.0.2:8084", ...until({ "10.0.0.2": FUTURE }) };
    const lent = { sidetone_taken: "yes", sidetone_attempt: "2", sidetone_former: "connected", socket_resume: "true" };
    const { at, variables } = arrive("sidetone-back", { globals, own: lent });
    expect([at, variables.get("sidetone_attempt")]).toEqual(["10.0.0.2:8084|10.0.0.1:8084", "3"]);
    const { at: then } = arrive("sidetone-back", {
      globals,
      own: { ...Object.fromEntries(variables), sidetone_taken: "yes" },
    });
    expect(then).toBe("sidetone-menu");
    expect(arrive("sidetone-back", { globals, own: { ...lent, sidetone_former: "" } }).at).toBe("sidetone-menu");
  });

  test("whoever comes in at the lending itself, of whose call nothing is known, is offered as a new one", () => {
    const { at, variables } = arrive("sidetone-lend", { globals: { sidetone_socket: "127.0.0.1:8084" } });
    expect([at, variables.get("sidetone_attempt")]).toEqual(["127.0.0.1:8084", "1"]);
    expect(arrive("sidetone-lend", { globals: { sidetone_socket: "" } }).at).toBe("sidetone-menu");
  });

  test("on FreeSWITCH's own host a worker that hangs is followed by the menu", () => {
    const { at } = arrive("sidetone-hung", {
      globals: { sidetone_socket: "127.0.0.1:8084|127.0.0.1:8085" },
      own: { sidetone_attempt: "1" },
    });
    expect(at).toBe("sidetone-menu");
  });
});
