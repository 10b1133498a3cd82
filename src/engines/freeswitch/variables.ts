/** The channel variables that the dialplan and Sidetone leave for each other. docs/freeswitch.md is the contract. */
export const VARIABLE = {
  /** Set anew by the dialplan for each `socket`: who shows it is the call that was lent. */
  ticket: "sidetone_ticket",
  /** 1, 2 when a controller died with the call, and 3 when the second one was shaken off (see `former`). */
  attempt: "sidetone_attempt",
  /** "no" until a worker is there for this `socket`: only such a one can die with the call. */
  taken: "sidetone_taken",
  /** How often this attempt was offered, and nobody took it: none, once, twice. Twice is the last time. */
  untaken: "sidetone_untaken",
  /** The host that had the call at the first attempt was cut off, and FreeSWITCH has not ended its connection yet: connected. Then: gone. */
  former: "sidetone_former",
  /** Where a call goes whose controller has hung: `<extension> XML <context>`. */
  deadman: "sidetone_deadman",
  agent: "sidetone_agent",
  language: "sidetone_language",
  trunk: "sidetone_trunk",
  /** The number that was called, before the dialplan went its own ways with it. */
  to: "sidetone_to",
  /** Keys come as tones on this trunk: true, false, or auto (the offer has no telephone-event). */
  inband: "sidetone_inband",
  /** What is recorded, as <consent>/<seconds>-<uuid>, and "/paused" in a protected passage. */
  recording: "sidetone_recording",
  /** The file that records. */
  recordPath: "sidetone_record_path",
  /** Set by Sidetone before it leaves: menu, hangup, or a target's name. */
  next: "sidetone_next",
  /** And why, where it is the menu. */
  reason: "sidetone_reason",
  /** Whom the call was given to before, and why it is back: <target>/<result>. */
  returned: "sidetone_returned",
} as const;

/** What Sidetone sets for all calls. */
export const GLOBAL = {
  recordMode: "sidetone_record_mode",
  recordConsent: "sidetone_record_consent",
  recordDir: "sidetone_record_dir",
  briefDir: "sidetone_brief_dir",
  /** With "_<host>_<port>" of a Sidetone on another host: until when it is there, in FreeSWITCH's whole seconds. */
  until: "sidetone_until",
} as const;

/** A channel's variable in what FreeSWITCH tells of the channel; empty when it is not set. */
export const variableIn = (data: ReadonlyMap<string, string>, name: string): string =>
  data.get(`variable_${name}`) ?? "";

const NAME = /^[a-z0-9_-]{1,64}$/i;

/** Whether it may stand in a command: no blank, bracket, semicolon or quote of anybody's. */
export const isPlainName = (text: string): boolean => NAME.test(text);
