import type { DateSpan, WeekSpan } from "./hours.ts";

// Hours as people write them. The functions return undefined for what they do not understand.

const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const DAY_MINUTES = 1440;

/** "Mon-Fri 09:00-17:30", "Sat,Sun 10:00-14:00", "Fri 22:00-02:00", "Mon-Sun", "daily 08:00-20:00". */
export function weekSpanOf(text: string): WeekSpan | undefined {
  const [, names = "", , times] = /^([a-z,-]+)(\s+(\S+))?$/i.exec(text.trim().replace(/\s*([-,])\s*/g, "$1")) ?? [];
  const days = daysOf(names.toLowerCase());
  const span = times === undefined ? { from: 0, to: DAY_MINUTES } : timesOf(times);
  if (!days || !span) return undefined;
  return { days, ...span };
}

function daysOf(names: string): number[] | undefined {
  if (names === "daily") return [0, 1, 2, 3, 4, 5, 6];
  const days: number[] = [];
  for (const part of names.split(",")) {
    const [from, to = from, ...more] = part.split("-").map(dayOf);
    if (from === undefined || to === undefined || from < 0 || to < 0 || more.length > 0) return undefined;
    for (let day = from; ; day = (day + 1) % 7) {
      days.push(day);
      if (day === to) break;
    }
  }
  return [...new Set(days)];
}

/** "mon" or "monday"; -1: none. */
const dayOf = (name: string): number => (/^[a-z]{3,9}$/.test(name) ? DAYS.findIndex((day) => isDay(name, day)) : -1);

const FULL = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const isDay = (name: string, day: string): boolean => name === day || name === FULL[DAYS.indexOf(day)];

/** "09:00-17:30"; what ends before it begins goes on after midnight. */
function timesOf(text: string): { from: number; to: number } | undefined {
  const [, fromHour, fromMinute, toHour, toMinute] = /^(\d{1,2}):(\d\d)-(\d{1,2}):(\d\d)$/.exec(text) ?? [];
  const from = Number(fromHour) * 60 + Number(fromMinute);
  const to = Number(toHour) * 60 + Number(toMinute);
  const fair = Number(fromMinute) < 60 && Number(toMinute) < 60 && from < DAY_MINUTES && to <= DAY_MINUTES;
  if (!fair || from === to) return undefined;
  return { from, to: to > from ? to : to + DAY_MINUTES };
}

/** "2026-12-24", "12-25" (every year), "2026-12-24..2026-12-26", and any of them with "09:00-12:00" behind. At most a year of days. */
export function dateSpansOf(text: string): DateSpan[] | undefined {
  const [dates = "", times, ...more] = text.trim().split(/\s+/);
  const span = times === undefined ? { from: 0, to: DAY_MINUTES } : timesOf(times);
  if (!span || more.length > 0 || span.to > DAY_MINUTES) return undefined;
  const [first, last = first, ...others] = dates.split("..").map(dateOf);
  if (!first || !last || others.length > 0) return undefined;
  if ((first.year === undefined) !== (last.year === undefined)) return undefined;
  // A year in which every date is there.
  const dayIn = ({ year = 2024, month, day }: Day): number => Date.UTC(year, month - 1, day);
  const found: DateSpan[] = [];
  for (let at = dayIn(first); at <= dayIn(last); at += DAY_MINUTES * 60_000) {
    const date = new Date(at);
    const year = first.year === undefined ? undefined : date.getUTCFullYear();
    found.push({ year, month: date.getUTCMonth() + 1, day: date.getUTCDate(), ...span });
    if (found.length > 366) return undefined;
  }
  return found.length > 0 ? found : undefined;
}

interface Day {
  readonly year: number | undefined;
  readonly month: number;
  readonly day: number;
}

function dateOf(text: string): Day | undefined {
  const [, yearText, monthText, dayText] = /^(?:(\d{4})-)?(\d\d)-(\d\d)$/.exec(text) ?? [];
  if (monthText === undefined) return undefined;
  const [month, day] = [Number(monthText), Number(dayText)];
  const date = new Date(Date.UTC(Number(yearText ?? 2024), month - 1, day));
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  return { year: yearText === undefined ? undefined : Number(yearText), month, day };
}
