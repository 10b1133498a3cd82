import { OutsideError } from "../base/errors.ts";

/** Why a call was not answered, or is over, in the administrator's words. `normal`: somebody hung up. */
export type CallCause =
  | "normal"
  | "busy"
  | "notFound"
  | "unauthorised"
  | "noAnswer"
  | "rejected"
  | "notAcceptable"
  | "congestion"
  | "cancelled"
  | "unreachable"
  | "failure";

export interface CallEnd {
  /** `network`: the connection to the PBX broke, or nobody answered any more. */
  readonly by: "us" | "them" | "network";
  readonly cause: CallCause;
  /** The SIP status of a call that was never answered. */
  readonly status: number | undefined;
  /** What the far end said about it, in its own words; empty when it said nothing. */
  readonly reason: string;
  readonly atMs: number;
}

const CAUSES: Readonly<Record<number, CallCause>> = {
  401: "unauthorised",
  403: "unauthorised",
  407: "unauthorised",
  404: "notFound",
  410: "notFound",
  484: "notFound",
  604: "notFound",
  408: "noAnswer",
  480: "noAnswer",
  486: "busy",
  600: "busy",
  487: "cancelled",
  415: "notAcceptable",
  488: "notAcceptable",
  606: "notAcceptable",
  603: "rejected",
  607: "rejected",
  500: "congestion",
  503: "congestion",
};

export const causeOf = (status: number): CallCause => CAUSES[status] ?? "failure";

const SENTENCES: Readonly<Record<CallCause, string>> = {
  normal: "was hung up",
  busy: "is busy",
  notFound: "is unknown to the PBX: check the number and the context of the caller's endpoint",
  unauthorised: "was refused: check the user name and the password",
  noAnswer: "did not answer",
  rejected: "was declined",
  notAcceptable: "has no codec in common with this caller (ulaw, alaw)",
  congestion: "cannot be reached through the PBX at this moment",
  cancelled: "was given up before it was answered",
  unreachable: "cannot be reached",
  failure: "failed",
};

/** The error of a call (or a registration) that came to nothing; `code` is the cause. */
export function callError(what: string, end: Pick<CallEnd, "cause" | "status" | "reason">): OutsideError {
  const said = [end.status, end.reason].filter((part) => part !== undefined && part !== "").join(" ");
  return new OutsideError(end.cause, `${what} ${SENTENCES[end.cause]}${said === "" ? "" : ` (${said})`}`);
}
