/**
 * A moment as a wall clock somewhere shows it, as milliseconds since 1970 as if that place were at UTC: two moments of one place
 * can be compared, and days counted, without a thought of its summer time.
 */
export type LocalMs = number;

const formats = new Map<string, Intl.DateTimeFormat>();
const FORMATS_MAX = 200;

function formatOf(zone: string): Intl.DateTimeFormat {
  const found = formats.get(zone);
  if (found) return found;
  // To make one costs a hundred times as much as to use it.
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone: zone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  if (formats.size < FORMATS_MAX) formats.set(zone, format);
  return format;
}

/** Whether this is a time zone that this machine knows, such as Europe/Berlin. */
export function isZone(name: string): boolean {
  try {
    formatOf(name);
    return true;
  } catch {
    return false;
  }
}

/** What the clocks of a time zone show at a moment (milliseconds since 1970). Throws a RangeError for a zone that nobody knows. */
export function localOf(wallMs: number, zone: string): LocalMs {
  const parts: Record<string, number> = {};
  for (const { type, value } of formatOf(zone).formatToParts(wallMs)) parts[type] = Number(value);
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

const HOUR_MS = 3_600_000;

/**
 * The moment at which the clocks of a zone show this; of two, the first. An hour that is skipped in spring has none: then it is the
 * moment in which they are put forward past it.
 */
export function momentOf(local: LocalMs, zone: string): number {
  // No zone is farther from UTC than 14 hours.
  for (let at = local - 14 * HOUR_MS; at <= local + 14 * HOUR_MS; at += HOUR_MS / 4) {
    const shows = localOf(at, zone);
    if (shows === local) return at;
    if (shows > local) return local - shows + at > at - HOUR_MS / 4 ? exactly(local, at, zone) : at;
  }
  return local;
}

/** Within the quarter of an hour before `at`. */
function exactly(local: LocalMs, at: number, zone: string): number {
  const guess = at - (localOf(at, zone) - local);
  return localOf(guess, zone) === local ? guess : at;
}
