import { resolve } from "node:path";
import { z } from "zod";
import { isZone, type LocalMs } from "../base/zone.ts";
import { eventsIn, type Recurrence, recurrenceOf } from "../call/calendar.ts";
import type { Hours } from "../call/hours.ts";
import { dateSpansOf, weekSpanOf } from "../call/hours-text.ts";
import type { Files } from "./files.ts";

const week = z
  .string()
  .max(100)
  .refine((text) => weekSpanOf(text) !== undefined, {
    message: 'days and times such as "Mon-Fri 09:00-17:30" or "Fri,Sat 22:00-02:00"',
  });
const date = z
  .string()
  .max(100)
  .refine((text) => dateSpansOf(text) !== undefined, {
    message:
      'a date such as "2026-12-24", "12-25" (every year) or "2026-12-24..2027-01-01", with "09:00-12:00" behind it or without',
  });

const rule = z
  .strictObject({
    rrule: z.string().min(1).max(500).describe('A rule as RFC 5545 writes it: "FREQ=WEEKLY;BYDAY=MO,TU".'),
    start: z
      .string()
      .regex(/^\d{4}-\d\d-\d\d(T\d\d:\d\d)?$/, 'a day, or a day and a time: "2026-01-05T09:00"')
      .describe("When it begins, by the clocks of the zone."),
    minutes: z.int().min(1).max(44_640).describe("How long it lasts each time. 1440: a day.").default(1440),
  })
  .superRefine((given, context) => {
    try {
      ruleOf(given);
    } catch (error) {
      const message = `no rule: ${error instanceof Error ? error.message : String(error)}`;
      context.addIssue({ code: "custom", path: ["rrule"], message });
    }
  });

const list = <T extends z.ZodType>(item: T, what: string) => z.array(item).max(400).describe(what).default([]);
const file = (what: string) => z.string().min(1).max(1024).describe(what).optional();

/** One entry of `hours`. */
export const hoursSchema = z.strictObject({
  zone: z
    .string()
    .max(64)
    .refine(isZone, { message: "a time zone such as Europe/Berlin" })
    .describe("Whose clocks these are: a time zone such as Europe/Berlin."),
  open: list(week, 'Days and times: "Mon-Fri 09:00-17:30". What ends before it begins goes on after midnight.'),
  rules: list(rule, "Open at these times as well."),
  calendar: file("Likewise, the events of an .ics file. Relative to this file's folder."),
  holidays: list(date, "Closed, whatever stands above: dates, ranges of dates, or a part of a day."),
  holidayRules: list(rule, "Closed at these times as well."),
  holidayCalendar: file("Likewise, the events of an .ics file."),
  special: list(date, "On these dates nothing else counts, not even a holiday."),
});

export type HoursSettings = z.output<typeof hoursSchema>;

const localIn = (text: string): LocalMs => Date.parse(`${text.includes("T") ? text : `${text}T00:00`}Z`);

function ruleOf({ rrule, start, minutes }: { rrule: string; start: string; minutes: number }): Recurrence {
  const at = localIn(start);
  if (Number.isNaN(at)) throw new Error("there is no such day");
  return recurrenceOf(rrule, { start: at, lastsMs: minutes * 60_000 });
}

/** Reads the calendars. `fault` is told of what cannot be read, with its place below the entry. */
export function hoursOf(
  settings: HoursSettings,
  { folder, files, fault }: { folder: string; files: Files; fault: (path: string, problem: string) => void },
): Hours {
  const calendar = (key: "calendar" | "holidayCalendar"): Recurrence[] => {
    const name = settings[key];
    if (name === undefined) return [];
    const text = files.read(resolve(folder, name));
    if (typeof text !== "string") {
      fault(key, `${name}: ${text.problem}`);
      return [];
    }
    try {
      return eventsIn(text);
    } catch (error) {
      fault(key, `${name} is no calendar: ${messageIn(error)}`);
      return [];
    }
  };
  const { zone, open, rules, holidays, holidayRules, special } = settings;
  return {
    zone,
    week: open.flatMap((text) => weekSpanOf(text) ?? []),
    open: [...rules.map(ruleOf), ...calendar("calendar")],
    holidays: holidays.flatMap((text) => dateSpansOf(text) ?? []),
    closed: [...holidayRules.map(ruleOf), ...calendar("holidayCalendar")],
    special: special.flatMap((text) => dateSpansOf(text) ?? []),
  };
}

const messageIn = (error: unknown): string =>
  (error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error)).slice(0, 200);
