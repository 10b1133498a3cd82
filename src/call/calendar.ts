import ICAL from "ical.js";
import { isZone, type LocalMs, localOf } from "../base/zone.ts";

/** Times that come again: those of a rule, or of an event of a calendar. */
export interface Recurrence {
  /** Whether it goes on at a moment; `zone` is that of whoever asks, for times that name none. */
  covers(wallMs: number, zone: string): boolean;
}

const DAY_MS = 86_400_000;
/** A rule that begins in the year 2000 and comes every day has come so often by 2054. */
const OCCURRENCES_MAX = 20_000;
/** A rule that comes more often than this within a week is none that anybody keeps. */
const KEPT_MAX = 2_000;
export const ICS_MAX_BYTES = 2 * 1024 * 1024;
const EVENTS_MAX = 5_000;

/** As iCalendar's times without a zone. */
const timeOf = (local: LocalMs): ICAL.Time => {
  const at = new Date(local);
  return ICAL.Time.fromData({
    year: at.getUTCFullYear(),
    month: at.getUTCMonth() + 1,
    day: at.getUTCDate(),
    hour: at.getUTCHours(),
    minute: at.getUTCMinutes(),
    second: at.getUTCSeconds(),
  });
};

const localIn = ({ year, month, day, hour, minute, second }: ICAL.Time): LocalMs =>
  Date.UTC(year, month - 1, day, hour, minute, second);

/**
 * What comes again by a rule as RFC 5545 (3.3.10) writes them: "FREQ=WEEKLY;BYDAY=MO,TU". Begins at `start`, and lasts for `lastsMs`
 * each time. Throws an Error whose message says what is wrong with the rule.
 */
export function recurrenceOf(rule: string, { start, lastsMs }: { start: LocalMs; lastsMs: number }): Recurrence {
  const recur = ICAL.Recur.fromString(rule.replace(/^RRULE:/i, ""));
  const next = (): (() => LocalMs | undefined) => {
    const times = recur.iterator(timeOf(start));
    return () => {
      const time = times.next();
      return time ? localIn(time) : undefined;
    };
  };
  // An impossible rule is told of now, and not in a call.
  next()();
  return new Series({ next, lastsMs, zone: undefined });
}

/**
 * The events of a calendar file (RFC 5545), cancelled ones left out. Times without a zone are those of whoever asks. Throws an Error
 * whose message says what is wrong.
 */
export function eventsIn(text: string): Recurrence[] {
  if (text.length > ICS_MAX_BYTES) throw new Error(`the calendar is larger than ${ICS_MAX_BYTES / 1024 / 1024} MB`);
  const parsed: unknown = ICAL.parse(text);
  const calendars = Array.isArray(parsed) && Array.isArray(parsed[0]) ? parsed : [parsed];
  const found = calendars.flatMap((one) => new ICAL.Component(one).getAllSubcomponents("vevent"));
  if (found.length > EVENTS_MAX) throw new Error(`the calendar has more than ${EVENTS_MAX} events`);
  return found.flatMap((component) => {
    if (String(component.getFirstPropertyValue("status") ?? "").toUpperCase() === "CANCELLED") return [];
    // Others of the same series: they stand for themselves, in the place of the one that they name.
    const moved = found.filter((other) => other !== component && uidOf(other) === uidOf(component) && isMoved(other));
    return [seriesOf(component, isMoved(component) ? [] : moved)];
  });
}

const uidOf = (component: ICAL.Component): unknown => component.getFirstPropertyValue("uid");
const isMoved = (component: ICAL.Component): boolean => component.getFirstProperty("recurrence-id") !== null;

function seriesOf(component: ICAL.Component, moved: readonly ICAL.Component[]): Recurrence {
  const event = new ICAL.Event(component);
  const { startDate } = event;
  if (!startDate) throw new Error("an event of the calendar has no DTSTART");
  const start = localIn(startDate);
  const lastsMs = Math.max(0, localIn(event.endDate) - start);
  const tzid = component.getFirstProperty("dtstart")?.getFirstParameter("tzid");
  const zone = startDate.zone === ICAL.Timezone.utcTimezone ? "UTC" : typeof tzid === "string" ? tzid : undefined;
  if (zone !== undefined && !isZone(zone)) throw new Error(`nobody knows the calendar's time zone "${zone}"`);
  const elsewhere = new Set(
    moved.flatMap((other) => {
      const value = other.getFirstPropertyValue("recurrence-id");
      return value instanceof ICAL.Time ? [localIn(value)] : [];
    }),
  );
  if (!event.isRecurring() || isMoved(component)) return new Series({ next: () => once(start), lastsMs, zone });
  const next = (): (() => LocalMs | undefined) => {
    const times = event.iterator();
    return () => {
      for (;;) {
        const time = times.next();
        if (!time) return undefined;
        const local = localIn(time);
        if (!elsewhere.has(local)) return local;
      }
    };
  };
  return new Series({ next, lastsMs, zone });
}

function once(start: LocalMs): () => LocalMs | undefined {
  let told = false;
  return () => {
    const time = told ? undefined : start;
    told = true;
    return time;
  };
}

interface SeriesOptions {
  /** Begins anew: what it returns gives one time after the other, in their order. */
  readonly next: () => () => LocalMs | undefined;
  readonly lastsMs: number;
  readonly zone: string | undefined;
}

/** Looks at the times of some days at once, and keeps them: a call asks within milliseconds of the last. */
class Series implements Recurrence {
  readonly #options: SeriesOptions;
  #from: LocalMs = 0;
  #to: LocalMs = 0;
  #starts: readonly LocalMs[] = [];

  constructor(options: SeriesOptions) {
    this.#options = options;
  }

  covers(wallMs: number, zone: string): boolean {
    const { lastsMs } = this.#options;
    const local = localOf(wallMs, this.#options.zone ?? zone);
    if (local < this.#from || local >= this.#to) this.#look(local);
    return this.#starts.some((start) => start <= local && local < start + lastsMs);
  }

  #look(local: LocalMs): void {
    const { next, lastsMs } = this.#options;
    const day = Math.floor(local / DAY_MS) * DAY_MS;
    [this.#from, this.#to] = [day, day + DAY_MS];
    const starts: LocalMs[] = [];
    const times = next();
    for (let count = 0; count < OCCURRENCES_MAX && starts.length < KEPT_MAX; count += 1) {
      const start = times();
      if (start === undefined || start >= this.#to) break;
      if (start + lastsMs > this.#from) starts.push(start);
    }
    this.#starts = starts;
  }
}
