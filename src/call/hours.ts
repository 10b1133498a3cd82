import { type LocalMs, localOf, momentOf } from "../base/zone.ts";
import type { Recurrence } from "./calendar.ts";

/** Days and times of a week. Minutes count from midnight; what ends beyond 1440 goes on in the next day. */
export interface WeekSpan {
  /** 0 is Sunday. */
  readonly days: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** A date, every year where it has no year, and what of the day. */
export interface DateSpan {
  readonly year: number | undefined;
  readonly month: number;
  readonly day: number;
  readonly from: number;
  readonly to: number;
}

/** When somebody is there. Without a week, a rule or a calendar: always, but for holidays. */
export interface Hours {
  /** IANA's name of a time zone. */
  readonly zone: string;
  readonly week: readonly WeekSpan[];
  /** Open at these times as well. */
  readonly open: readonly Recurrence[];
  /** Closed, whatever stands above. */
  readonly holidays: readonly DateSpan[];
  readonly closed: readonly Recurrence[];
  /** On a date that stands here nothing else counts, not even a holiday. */
  readonly special: readonly DateSpan[];
}

export type Openness = "open" | "closed" | "holiday";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const DAY_MINUTES = 1440;

/** Whether somebody is there at a moment (milliseconds since 1970), by the clocks of the hours' own zone. */
export function opennessAt(hours: Hours, wallMs: number): Openness {
  const local = localOf(wallMs, hours.zone);
  const special = hours.special.filter((span) => isOn(span, dayOf(local)));
  if (special.length > 0) return special.some((span) => isIn(span, minuteOf(local))) ? "open" : "closed";
  if (hours.holidays.some((span) => isOn(span, dayOf(local)) && isIn(span, minuteOf(local)))) return "holiday";
  if (hours.closed.some((times) => times.covers(wallMs, hours.zone))) return "holiday";
  if (hours.week.length === 0 && hours.open.length === 0) return "open";
  if (hours.week.some((span) => coversWeek(span, local))) return "open";
  return hours.open.some((times) => times.covers(wallMs, hours.zone)) ? "open" : "closed";
}

export const isOpenAt = (hours: Hours | undefined, wallMs: number): boolean =>
  hours === undefined || opennessAt(hours, wallMs) === "open";

/** So far somebody looks for when it opens again. */
const LOOK_DAYS = 14;
const STEP_MINUTES = 15;

/** When it opens next, to the minute; undefined where that is more than two weeks ahead. For somebody that is closed. */
export function opensNext(hours: Hours, wallMs: number): number | undefined {
  // From quarter to quarter, by the local clock; then the minute.
  const quarter = (STEP_MINUTES * MINUTE_MS) as number;
  const first = Math.ceil(localOf(wallMs, hours.zone) / quarter) * quarter;
  let at = Math.max(wallMs, momentOf(first, hours.zone));
  for (const end = wallMs + LOOK_DAYS * DAY_MS; at <= end; at += quarter) {
    if (opennessAt(hours, at) !== "open") continue;
    for (let minute = Math.max(wallMs, at - quarter); minute < at; minute += MINUTE_MS)
      if (opennessAt(hours, minute) === "open") return minute;
    return at;
  }
  return undefined;
}

const dayOf = (local: LocalMs): Date => new Date(Math.floor(local / DAY_MS) * DAY_MS);
const minuteOf = (local: LocalMs): number => Math.floor((local - Math.floor(local / DAY_MS) * DAY_MS) / MINUTE_MS);

const isOn = ({ year, month, day }: DateSpan, date: Date): boolean =>
  (year === undefined || date.getUTCFullYear() === year) &&
  date.getUTCMonth() + 1 === month &&
  date.getUTCDate() === day;

const isIn = ({ from, to }: { from: number; to: number }, minute: number): boolean => minute >= from && minute < to;

/** Also what began the evening before. */
function coversWeek({ days, from, to }: WeekSpan, local: LocalMs): boolean {
  const weekday = dayOf(local).getUTCDay();
  const minute = minuteOf(local);
  if (days.includes(weekday) && isIn({ from, to }, minute)) return true;
  return days.includes((weekday + 6) % 7) && isIn({ from: 0, to: to - DAY_MINUTES }, minute);
}
