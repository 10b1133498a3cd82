import { OutsideError } from "../../base/errors.ts";
import { type AriClient, AriError } from "./ari.ts";
import { systemVersion } from "./ari-events.ts";
import type { AsteriskOptions } from "./options.ts";

export type MediaKind = "websocket" | "audiosocket";

/** What `check` and the engine need to know of an Asterisk. */
export interface Capability {
  readonly version: string;
  /** JSON control of chan_websocket: older ones only warn, and then speak plain text. */
  readonly jsonControl: boolean;
  readonly websocketLoaded: boolean;
  readonly audiosocketLoaded: boolean;
  /** Which of them the dialplan dials; empty: its globals are not there. */
  readonly dialled: string;
}

export type Ask = Pick<AriClient, "request" | "variable">;

export async function capabilityOf(ari: Ask): Promise<Capability> {
  const [info, websocketLoaded, audiosocketLoaded, dialled] = await Promise.all([
    ari.request("GET", "asterisk/info", { only: "system" }),
    isLoaded(ari, "chan_websocket.so"),
    isLoaded(ari, "chan_audiosocket.so"),
    ari.variable("SIDETONE_MEDIA"),
  ]);
  const version = systemVersion(info);
  return { version, jsonControl: hasJsonControl(version), websocketLoaded, audiosocketLoaded, dialled };
}

/** The way of the sound, by the options and what the dialplan dials. Throws "unfit" with what to do when this Asterisk cannot. */
export function mediaKindOf(wanted: AsteriskOptions["media"], capability: Capability): MediaKind {
  const kind = wanted === "auto" ? (capability.dialled === "audiosocket" ? "audiosocket" : "websocket") : wanted;
  const why = whyUnfit(kind, capability);
  if (why) throw new OutsideError("unfit", why);
  return kind;
}

/** Why this Asterisk cannot do it, and what to do; undefined when it can. */
export function whyUnfit(kind: MediaKind, capability: Capability): string | undefined {
  const { version, jsonControl, websocketLoaded, audiosocketLoaded } = capability;
  const instead = audiosocketLoaded
    ? 'set SIDETONE_MEDIA=audiosocket in the dialplan\'s globals (and leave engines.asterisk.media at "auto")'
    : "load chan_audiosocket.so and set SIDETONE_MEDIA=audiosocket in the dialplan's globals";
  if (kind === "audiosocket")
    return audiosocketLoaded
      ? undefined
      : `Asterisk ${version} has not loaded chan_audiosocket.so: load it (module load chan_audiosocket.so), or use chan_websocket on 20.18, 22.8, 23.2 or newer.`;
  if (!jsonControl)
    return `Asterisk ${version} is too old for chan_websocket with JSON control (20.18, 22.8, 23.2): ${instead}, or upgrade.`;
  if (!websocketLoaded)
    return `Asterisk ${version} has not loaded chan_websocket.so: load it (module load chan_websocket.so), or ${instead}.`;
  return undefined;
}

/** Since 20.18, 22.8 and 23.2. A version that names no number is one that somebody built: it is taken at its modules. */
export function hasJsonControl(version: string): boolean {
  const [, major, minor] = /(\d+)\.(\d+)/.exec(version)?.map(Number) ?? [];
  if (major === undefined || minor === undefined) return true;
  const since: Readonly<Record<number, number>> = { 20: 18, 22: 8, 23: 2 };
  return major > 23 || minor >= (since[major] ?? Number.POSITIVE_INFINITY);
}

export async function isLoaded(ari: Ask, module: string): Promise<boolean> {
  try {
    const answer = await ari.request("GET", `asterisk/modules/${module}`);
    return JSON.stringify(answer ?? "").includes("Running");
  } catch (error) {
    if (error instanceof AriError && (error.status === 404 || error.status === 409)) return false;
    throw error;
  }
}
