import { Writable } from "node:stream";
import { type DestinationStream, pino } from "pino";
import { standardError } from "./log-sink.ts";

/** Fields first, then a constant message. One level holds no secrets by their usual names; nobody logs what else is secret. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: object): Log;
}

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

const SECRET_FIELDS = [
  "password",
  "passwd",
  "secret",
  "token",
  "key",
  "apiKey",
  "authorization",
  "Authorization",
  "cookie",
];
const DEPTHS = ["", "*.", "*.*.", "*.*.*."];

/** JSON lines, or plain ones for a terminal (`pretty`). Goes to standard error unless told: standard output belongs to the commands' results. */
export function createLog({
  level = "info",
  pretty = false,
  destination,
}: {
  level?: LogLevel;
  pretty?: boolean;
  destination?: { write(line: string): void };
} = {}): Log {
  const out: DestinationStream = destination ?? standardError();
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: DEPTHS.flatMap((depth) => SECRET_FIELDS.map((field) => depth + field)), censor: "[redacted]" },
    },
    pretty ? plainLines(out) : out,
  );
}

const nothing = (): void => {};

export const silentLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, child: () => silentLog };

/** Turns pino's JSON lines into "09:00:00.123 info  message call=1 durationMs=20". */
function plainLines(out: DestinationStream): Writable {
  return new Writable({
    decodeStrings: false,
    write(line: string, _encoding, done) {
      out.write(plainLine(line));
      done();
    },
  });
}

function plainLine(line: string): string {
  const { time, level, msg, err, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const at = new Date(Number(time)).toISOString().slice(11, 23);
  const rest = Object.entries(fields).map(([name, value]) => `${name}=${plainValue(value)}`);
  const cause = err === undefined ? [] : [`err=${plainError(err)}`];
  return `${[at, String(level).padEnd(5), msg, ...rest, ...cause].join(" ")}\n`;
}

const plainValue = (value: unknown): string =>
  typeof value === "string" && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value);

const plainError = (error: unknown): string => {
  const { message, stack } = Object(error) as { message?: unknown; stack?: unknown };
  return typeof stack === "string" ? stack : plainValue(message ?? error);
};
