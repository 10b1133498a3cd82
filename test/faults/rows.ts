/** One fault, and what the matrix has shown of it on this commit. */
export interface Row {
  readonly fault: string;
  /** What the caller hears, and how long it takes at most. */
  readonly heard: string;
  readonly withinMs: number;
  /** A constant message of the log, and a sample of /metrics that is above 0 (or 0, for sidetone_engine_up). */
  readonly log?: string;
  readonly metric?: string;
  readonly lost: string;
}

const GOES_ON = "the agent, without a gap; the next question is answered";
const NOTHING = "nothing";
/** Of the agent's packets, which come every 20 ms. */
const GAP_MS = 500;

/** The rows of the table in docs/operating.md, in its order. Every word of them is looked at by the matrix. */
export const ROWS = {
  password: {
    fault: "the ARI password is wrong",
    heard: "the menu, at once",
    withinMs: 1000,
    log: "no connection to Asterisk's ARI",
    metric: 'sidetone_engine_up{engine="asterisk"}',
    lost: NOTHING,
  },
  noWebsocket: {
    fault: "Asterisk without chan_websocket",
    heard: "the menu, at once",
    withinMs: 1000,
    log: "has not loaded chan_websocket.so: load it",
    metric: 'sidetone_engine_up{engine="asterisk"}',
    lost: NOTHING,
  },
  tooOld: {
    fault: "an Asterisk that is too old (a stand-in)",
    heard: "the menu, at once",
    withinMs: 1000,
    log: "is too old for chan_websocket with JSON control",
    metric: 'sidetone_engine_up{engine="asterisk"}',
    lost: NOTHING,
  },
  restart: {
    fault: "Asterisk restarts in mid-call",
    heard: "the call ends with its PBX; the next one is answered once Sidetone is connected again",
    withinMs: 7000,
    log: "no connection to Asterisk's ARI",
    lost: "the call, which lived in Asterisk; its record is complete",
  },
  twoServices: {
    fault: "a second service on the same port",
    heard: GOES_ON,
    withinMs: GAP_MS,
    lost: "nothing; the second one names the port and its key, and ends",
  },
  portTaken: {
    fault: "the API's port is taken when a worker is started again",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "the API's port is taken; calls are answered all the same",
    lost: "nothing; the API comes back by itself",
  },
  unknownMedia: {
    fault: "a call is lent with a media id that nobody knows",
    heard: GOES_ON,
    withinMs: GAP_MS,
    lost: NOTHING,
  },
  mediaSocket: {
    fault: "10 MB of text, odd-length and wrong-rate audio on the media socket",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "the PBX sent what is no sound or no message of its own; it was ignored",
    metric: 'sidetone_messages_refused_total{source="media"}',
    lost: NOTHING,
  },
  rtp: {
    fault: "RTP garbage, another source in mid-call, nothing for 3 s",
    heard: GOES_ON,
    withinMs: GAP_MS,
    lost: NOTHING,
  },
  modelThrows: {
    fault: "the model throws",
    heard: "one apology; the second time the menu",
    withinMs: 3000,
    log: "a reply failed",
    metric: 'sidetone_provider_requests_total{provider="fake",result="failed"}',
    lost: NOTHING,
  },
  modelSilent: {
    fault: "the model yields nothing",
    heard: "one apology; the second time the menu",
    withinMs: 3000,
    log: "a reply failed",
    metric: 'sidetone_fallbacks_total{reason="llm"}',
    lost: NOTHING,
  },
  modelHangs: {
    fault: "the model hangs",
    heard: "music after 2.5 s, then one apology",
    withinMs: 8000,
    log: "a reply failed",
    metric: 'sidetone_provider_requests_total{provider="fake",result="timeout"}',
    lost: NOTHING,
  },
  voiceThrows: {
    fault: "the voice throws",
    heard: "the menu",
    withinMs: 3000,
    log: "a reply failed",
    metric: 'sidetone_fallbacks_total{reason="tts"}',
    lost: NOTHING,
  },
  earDies: {
    fault: "the recogniser dies",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "a provider failed; the next goes on",
    metric: 'sidetone_provider_requests_total{provider="fake",result="failed"}',
    lost: NOTHING,
  },
  diskFull: {
    fault: "the disk of the records is full (ENOSPC)",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "call records cannot be written; calls go on, and the records wait in memory",
    metric: "sidetone_record_failures_total",
    lost: "nothing; the record is whole when the disk takes something again",
  },
  recordings: {
    fault: "the recordings' folder cannot be written",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "a call was to be recorded, and the PBX has left nothing",
    metric: 'sidetone_recordings_total{result="missing"}',
    lost: "the recording; the log says which",
  },
  corrupt: {
    fault: "the database of records is corrupt",
    heard: GOES_ON,
    withinMs: GAP_MS,
    log: "THE CALL RECORDS WERE BROKEN",
    metric: "sidetone_record_failures_total",
    lost: "nothing; the broken file stands beside the new one",
  },
  clock: {
    fault: "the clock jumps three hours back in mid-call",
    heard: GOES_ON,
    withinMs: GAP_MS,
    lost: "nothing; the record has the call's true length",
  },
} as const satisfies Readonly<Record<string, Row>>;

export type Fault = keyof typeof ROWS;

const HEAD = ["fault", "what the caller hears", "how long", "logged", "counted", "lost"];
const line = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const code = (text: string | undefined): string => (text === undefined ? "" : `\`${text}\``);

/** The table as docs/operating.md shows it: each bound, and behind it what was measured. */
export function tableOf(measured: Readonly<Partial<Record<Fault, number>>>): string[] {
  const rows = Object.entries(ROWS).map(([key, row]: [string, Row]) => {
    const ms = measured[key as Fault];
    const time = `≤ ${row.withinMs} ms${ms === undefined ? "" : ` (${Math.round(ms)})`}`;
    return line([row.fault, row.heard, time, row.log ?? "", code(row.metric), row.lost]);
  });
  return [line(HEAD), line(HEAD.map(() => "---")), ...rows];
}
