import { type TransferResult, transferResultOf } from "../../call/handover.ts";
import type { OverrideWord } from "../context.ts";

/** A channel as ARI shows it: what of it we read. */
export interface AriChannel {
  readonly id: string;
  readonly name: string;
  readonly callerName: string;
  readonly callerNumber: string;
  readonly diversion: string;
  readonly language: string;
  readonly exten: string;
  readonly state: string;
  /** What its application was given, e.g. Dial's arguments. */
  readonly appData: string;
}

/** The events that the filter lets through, as far as they matter to us. */
export type AriEvent =
  | {
      readonly type: "lent";
      readonly media: string;
      readonly call: string;
      readonly attempt: number;
      readonly kind: string;
      readonly channel: string;
    }
  | { readonly type: "digit"; readonly channel: string; readonly digit: string; readonly durationMs: number }
  | { readonly type: "recorded"; readonly call: string }
  | { readonly type: "transfer"; readonly call: string; readonly result: TransferResult }
  | { readonly type: "override"; readonly state: OverrideWord }
  | { readonly type: "hold"; readonly channel: string }
  | { readonly type: "unhold"; readonly channel: string }
  | { readonly type: "gone"; readonly channel: string; readonly cause: number; readonly destroyed: boolean };

/** The names of those events, for the filter. Without RESTResponse Asterisk filters its answers too, and every request runs into its deadline. */
export const WANTED_EVENTS = [
  "RESTResponse",
  "ChannelUserevent",
  "ChannelDtmfReceived",
  "ChannelHold",
  "ChannelUnhold",
  "ChannelHangupRequest",
  "ChannelDestroyed",
] as const;

export const LENT = "SidetoneMedia";
export const RECORDED = "SidetoneRecorded";
export const TRANSFER = "SidetoneTransfer";
export const OVERRIDE = "SidetoneOverride";

type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value);
const child = (value: Json, key: string): Json => {
  const found = value[key];
  return isJson(found) ? found : {};
};
// No field that we read is longer in earnest; what a caller put into it has no claim to our memory.
const textOf = (value: Json, key: string, limit = 256): string => {
  const found = value[key];
  return typeof found === "string" ? found.slice(0, limit) : "";
};
const numberOf = (value: Json, key: string): number => {
  const found = value[key];
  return typeof found === "number" && Number.isFinite(found) ? found : 0;
};

/** Ids are what Asterisk made of numbers, dots and dashes; they go into URLs and actions. */
export const isId = (text: string): boolean => /^[A-Za-z0-9._;-]{1,150}$/.test(text);

/** "ignored": well-formed, and nothing to us. "malformed": not what Asterisk says it sends. */
export function parseEvent(message: unknown): AriEvent | "ignored" | "malformed" {
  if (!isJson(message) || typeof message.type !== "string") return "malformed";
  const channel = textOf(child(message, "channel"), "id");
  switch (message.type) {
    case "ChannelUserevent":
      return parseUserevent(message, channel);
    case "ChannelDtmfReceived": {
      const digit = textOf(message, "digit").toUpperCase();
      if (!isId(channel) || !/^[0-9*#A-D]$/.test(digit)) return "malformed";
      return { type: "digit", channel, digit, durationMs: Math.max(0, numberOf(message, "duration_ms")) };
    }
    case "ChannelHold":
    case "ChannelUnhold":
      return isId(channel) ? { type: message.type === "ChannelHold" ? "hold" : "unhold", channel } : "malformed";
    case "ChannelHangupRequest":
    case "ChannelDestroyed": {
      const destroyed = message.type === "ChannelDestroyed";
      return isId(channel) ? { type: "gone", channel, cause: numberOf(message, "cause"), destroyed } : "malformed";
    }
    default:
      return "ignored";
  }
}

function parseUserevent(message: Json, channel: string): AriEvent | "ignored" | "malformed" {
  const fields = child(message, "userevent");
  if (message.eventname === LENT) return parseLent(fields, channel);
  if (message.eventname === TRANSFER) {
    const [moved, result] = [textOf(fields, "call"), transferResultOf(textOf(fields, "result"))];
    return isId(moved) && result ? { type: "transfer", call: moved, result } : "malformed";
  }
  if (message.eventname === OVERRIDE) {
    const state = textOf(fields, "state");
    return state === "open" || state === "closed" || state === "off" ? { type: "override", state } : "malformed";
  }
  if (message.eventname !== RECORDED) return "ignored";
  const call = textOf(fields, "call");
  return isId(call) ? { type: "recorded", call } : "malformed";
}

function parseLent(fields: Json, channel: string): AriEvent | "malformed" {
  const [media, call] = [textOf(fields, "media"), textOf(fields, "call")];
  const attempt = Number(textOf(fields, "attempt") || "1");
  const kind = textOf(fields, "kind") || "websocket";
  if (!isId(media) || !isId(call) || !Number.isInteger(attempt) || attempt < 1) return "malformed";
  if (kind !== "websocket" && kind !== "audiosocket") return "malformed";
  return { type: "lent", media, call, attempt, kind, channel };
}

export function parseChannel(value: unknown): AriChannel | undefined {
  if (!isJson(value)) return undefined;
  const id = textOf(value, "id");
  if (!isId(id)) return undefined;
  const caller = child(value, "caller");
  return {
    id,
    name: textOf(value, "name"),
    callerName: textOf(caller, "name"),
    callerNumber: textOf(caller, "number"),
    diversion: textOf(value, "caller_rdnis"),
    language: textOf(value, "language"),
    exten: textOf(child(value, "dialplan"), "exten"),
    state: textOf(value, "state"),
    appData: textOf(child(value, "dialplan"), "app_data", 2048),
  };
}

export const parseChannels = (value: unknown): AriChannel[] =>
  Array.isArray(value) ? value.map(parseChannel).filter((channel) => channel !== undefined) : [];

/** One of ARI's one-field answers, such as {"value": "ulaw"}. */
export const fieldOf = (value: unknown, key: string): string => (isJson(value) ? textOf(value, key, 4096) : "");

export const systemVersion = (info: unknown): string => (isJson(info) ? textOf(child(info, "system"), "version") : "");

/** An answer to a request, as it comes over the websocket. */
export interface RestResponse {
  readonly requestId: string;
  readonly status: number;
  readonly reason: string;
  readonly body: string;
}

export function parseRestResponse(message: unknown): RestResponse | undefined {
  if (!isJson(message) || message.type !== "RESTResponse") return undefined;
  const body = message.message_body;
  return {
    requestId: textOf(message, "request_id"),
    status: numberOf(message, "status_code"),
    reason: textOf(message, "reason_phrase"),
    body: typeof body === "string" ? body : "",
  };
}
