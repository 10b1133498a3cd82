import { printable } from "../../base/text.ts";
import { type Returned, returnedOf } from "../../call/handover.ts";
import { VARIABLE, variableIn } from "./variables.ts";

/** Who calls, as the channel and the dialplan say. */
export interface Caller {
  readonly from: string;
  readonly fromName: string;
  readonly to: string;
  readonly did: string;
  readonly diversion: string;
  readonly trunk: string;
  readonly language: string;
  readonly agent: string;
  readonly codec: string;
  readonly rate: 8000 | 16_000;
  readonly attempt: number;
  readonly shaken: boolean;
  readonly returned: Returned | undefined;
}

/** Reads it out of what came with `connect`. */
export function readCaller(data: ReadonlyMap<string, string>): Caller {
  const channel = (name: string): string => printable(data.get(name) ?? "");
  const variable = (name: string): string => printable(variableIn(data, name));
  const did = channel("Caller-Destination-Number");
  return {
    from: channel("Caller-Caller-ID-Number"),
    fromName: channel("Caller-Caller-ID-Name"),
    to: variable("sip_to_user") || did,
    did: variable(VARIABLE.to) || variable("sip_req_user") || did,
    diversion: diversionIn(data),
    trunk: variable(VARIABLE.trunk),
    language: variable(VARIABLE.language) || variable("default_language"),
    agent: variable(VARIABLE.agent),
    codec: codecName(data.get("Channel-Read-Codec-Name") || variableIn(data, "read_codec")),
    rate: wideband(Number(data.get("Channel-Read-Codec-Rate") || variableIn(data, "read_rate"))),
    attempt: Math.max(1, Number.parseInt(variableIn(data, VARIABLE.attempt), 10) || 1),
    shaken: variableIn(data, VARIABLE.former) === "gone",
    returned: returnedOf(variable(VARIABLE.returned)),
  };
}

const NAMES: Readonly<Record<string, string>> = { PCMU: "ulaw", PCMA: "alaw", G722: "g722", L16: "slin" };

/** As the other engine calls it, so that records of both read alike. */
export const codecName = (codec: string): string => NAMES[codec] ?? codec.toLowerCase();

/** What a codec's rate carries, in the two rates that there are. */
export const wideband = (rateHz: number): 8000 | 16_000 => (rateHz >= 16_000 ? 16_000 : 8000);

/** The number out of `<sip:777@trunk>;reason=…`; the first of several, which is the last who diverted. */
function diversionIn(data: ReadonlyMap<string, string>): string {
  const header = variableIn(data, "sip_h_Diversion") || variableIn(data, "sip_Diversion");
  return printable(/<?(?:sips?|tel):([^@;>]+)/i.exec(header)?.[1] ?? redirected(data));
}

/** Where it was called before, without a header. The dialplan's own transfer of the dialled number leaves that number there, and is no diversion. */
function redirected(data: ReadonlyMap<string, string>): string {
  const number = data.get("Caller-RDNIS") ?? "";
  const own = [variableIn(data, VARIABLE.to), data.get("Caller-Destination-Number"), variableIn(data, "sip_req_user")];
  return own.includes(number) || number.startsWith("sidetone-") ? "" : number;
}
