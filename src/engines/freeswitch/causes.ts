import type { HangupCause } from "../../call/engine.ts";

const CAUSES: Readonly<Record<string, HangupCause>> = {
  NONE: "normal",
  NORMAL_CLEARING: "normal",
  NORMAL_UNSPECIFIED: "normal",
  ORIGINATOR_CANCEL: "normal",
  ATTENDED_TRANSFER: "normal",
  BLIND_TRANSFER: "normal",
  PICKED_OFF: "normal",
  LOSE_RACE: "normal",
  USER_BUSY: "busy",
  NO_USER_RESPONSE: "noAnswer",
  NO_ANSWER: "noAnswer",
  SUBSCRIBER_ABSENT: "noAnswer",
  ALLOTTED_TIMEOUT: "noAnswer",
  PROGRESS_TIMEOUT: "noAnswer",
  CALL_REJECTED: "rejected",
  OUTGOING_CALL_BARRED: "rejected",
  INCOMING_CALL_BARRED: "rejected",
  UNALLOCATED_NUMBER: "notFound",
  NO_ROUTE_TRANSIT_NET: "notFound",
  NO_ROUTE_DESTINATION: "notFound",
  NUMBER_CHANGED: "notFound",
  INVALID_NUMBER_FORMAT: "notFound",
  USER_NOT_REGISTERED: "notFound",
  NORMAL_CIRCUIT_CONGESTION: "congestion",
  NETWORK_OUT_OF_ORDER: "congestion",
  NORMAL_TEMPORARY_FAILURE: "congestion",
  SWITCH_CONGESTION: "congestion",
};

/** FreeSWITCH's own names (https://developer.signalwire.com/freeswitch/FreeSWITCH-Explained/Troubleshooting-Debugging/Hangup-Cause-Code-Table_3964945/). */
export const causeOf = (name: string): HangupCause => CAUSES[name] ?? "failure";
