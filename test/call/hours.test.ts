import { describe, expect, test } from "vitest";
import { isZone, localOf, momentOf } from "../../src/base/zone.ts";
import { eventsIn, recurrenceOf } from "../../src/call/calendar.ts";
import { type Hours, isOpenAt, opennessAt, opensNext } from "../../src/call/hours.ts";
import { dateSpansOf, weekSpanOf } from "../../src/call/hours-text.ts";

const BERLIN = "Europe/Berlin";
const MINUTE_MS = 60_000;

interface Written {
  readonly zone?: string;
  readonly open?: readonly string[];
  readonly holidays?: readonly string[];
  readonly special?: readonly string[];
}

/** Hours as people write them. */
function hours({ zone = BERLIN, open = [], holidays = [], special = [] }: Written): Hours {
  const spans = (texts: readonly string[]) => texts.flatMap((text) => dateSpansOf(text) ?? []);
  const week = open.flatMap((text) => weekSpanOf(text) ?? []);
  return { zone, week, open: [], closed: [], holidays: spans(holidays), special: spans(special) };
}

const at = (text: string, zone = BERLIN): number => momentOf(Date.parse(`${text}Z`), zone);
const OFFICE = hours({ open: ["Mon-Fri 09:00-17:30", "Sat 10:00-14:00"] });

describe("business hours", () => {
  test.each([
    ["2026-11-25T08:59", "closed"],
    ["2026-11-25T09:00", "open"],
    ["2026-11-25T17:29", "open"],
    ["2026-11-25T17:30", "closed"],
    ["2026-11-28T10:30", "open"],
    ["2026-11-28T14:00", "closed"],
    ["2026-11-29T12:00", "closed"],
  ])("on %s a caller finds the office %s", (when, expected) => {
    expect(opennessAt(OFFICE, at(when))).toBe(expected);
  });

  test("are those of their own zone, wherever the machine is", () => {
    const tokyo = hours({ open: ["Mon-Fri 09:00-17:00"], zone: "Asia/Tokyo" });
    expect(isOpenAt(tokyo, Date.parse("2026-11-26T00:30Z"))).toBe(true);
    expect(isOpenAt(tokyo, Date.parse("2026-11-26T09:30Z"))).toBe(false);
  });

  test("keep to the clock on the wall when it is put forward or back", () => {
    // In Berlin the clocks go from 02:00 to 03:00 on 29 March 2026, and from 03:00 back to 02:00 on 25 October.
    const early = hours({ open: ["daily 01:30-03:30"] });
    const spring = Date.parse("2026-03-29T00:30Z");
    expect([-1, 0, 59, 60].map((minute) => isOpenAt(early, spring + minute * MINUTE_MS))).toEqual([
      false,
      true,
      true,
      false,
    ]);
    const autumn = Date.parse("2026-10-24T23:30Z");
    const minutes = [-1, 0, 90, 179, 180];
    expect(minutes.map((minute) => isOpenAt(early, autumn + minute * MINUTE_MS))).toEqual([
      false,
      true,
      true,
      true,
      false,
    ]);
    const office = [at("2026-03-27T09:00"), at("2026-03-30T09:00")];
    expect(office.map((moment) => isOpenAt(OFFICE, moment))).toEqual([true, true]);
    expect((office[1] ?? 0) - (office[0] ?? 0)).toBe(3 * 86_400_000 - 3_600_000);
  });

  test("that end after midnight belong to the day on which they began", () => {
    const bar = hours({ open: ["Fri,Sat 22:00-02:00"] });
    const asked = [
      "2026-11-27T21:59",
      "2026-11-27T22:00",
      "2026-11-28T01:59",
      "2026-11-28T02:00",
      "2026-11-29T01:00",
      "2026-11-30T01:00",
    ];
    expect(asked.map((when) => isOpenAt(bar, at(when)))).toEqual([false, true, true, false, true, false]);
  });

  test("a holiday beats them, also in the night that began before; a special date beats the holiday", () => {
    const bar = hours({
      open: ["daily 22:00-02:00"],
      holidays: ["12-25..12-26", "2026-12-24 12:00-24:00"],
      special: ["2026-12-26 23:00-24:00"],
    });
    expect(opennessAt(bar, at("2026-12-24T22:30"))).toBe("holiday");
    expect(opennessAt(bar, at("2026-12-25T01:00"))).toBe("holiday");
    expect(opennessAt(bar, at("2026-12-26T22:30"))).toBe("closed");
    expect(opennessAt(bar, at("2026-12-26T23:30"))).toBe("open");
    expect(opennessAt(bar, at("2027-12-25T23:30"))).toBe("holiday");
    expect(opennessAt(bar, at("2026-12-24T01:00"))).toBe("open");
  });

  test("say when somebody is there again, over weekends, holidays and changed clocks", () => {
    const opens = (when: string, of = OFFICE): string =>
      new Date(localOf(opensNext(of, at(when)) ?? 0, BERLIN)).toISOString();
    expect(opens("2026-11-25T06:00")).toBe("2026-11-25T09:00:00.000Z");
    expect(opens("2026-11-28T15:00")).toBe("2026-11-30T09:00:00.000Z");
    expect(opens("2026-03-28T15:00")).toBe("2026-03-30T09:00:00.000Z");
    const odd = hours({ open: ["Mon 09:07-10:00"], holidays: ["2026-11-30"] });
    expect(opens("2026-11-25T06:00", odd)).toBe("2026-12-07T09:07:00.000Z");
    expect(opensNext(hours({ holidays: ["2026-11-01..2026-12-31"] }), at("2026-11-10T00:00"))).toBeUndefined();
  });

  test("without any, somebody is always there", () => {
    expect(isOpenAt(undefined, 0)).toBe(true);
    expect(isOpenAt(hours({}), at("2026-11-29T03:00"))).toBe(true);
  });
});

describe("rules and calendars", () => {
  const lasts = (rule: string, start: string, minutes: number) =>
    recurrenceOf(rule, { start: Date.parse(`${start}Z`), lastsMs: minutes * MINUTE_MS });

  test("the first Monday of a month, and no other", () => {
    const rule = lasts("FREQ=MONTHLY;BYDAY=1MO", "2026-01-05T13:00", 120);
    const covered = [
      "2026-12-07T13:00",
      "2026-12-07T14:59",
      "2026-12-07T15:00",
      "2026-12-14T13:30",
      "2025-12-01T13:30",
    ];
    expect(covered.map((when) => rule.covers(at(when), BERLIN))).toEqual([true, true, false, false, false]);
  });

  test("a rule keeps to the wall clock over a change of it", () => {
    const rule = lasts("RRULE:FREQ=DAILY", "2026-01-01T09:00", 60);
    expect(
      ["2026-03-28T09:30", "2026-03-29T09:30", "2026-07-01T10:00"].map((when) => rule.covers(at(when), BERLIN)),
    ).toEqual([true, true, false]);
  });

  test("a rule that is none is told of at once", () => {
    expect(() => lasts("FREQ=SOMETIMES", "2026-01-01T09:00", 60)).toThrow();
    expect(() => lasts("BYDAY=MO", "2026-01-01T09:00", 60)).toThrow();
  });

  test("a calendar's days, series, exceptions and moved events count, and cancelled ones do not", () => {
    const closed = eventsIn(ICS);
    const open = (when: string) => !closed.some((event) => event.covers(at(when), BERLIN));
    expect(open("2026-12-24T08:00")).toBe(true);
    expect(open("2026-12-25T00:00")).toBe(false);
    expect(open("2026-12-26T23:59")).toBe(false);
    expect(open("2026-12-27T00:00")).toBe(true);
    // Every Wednesday from 12:00 to 13:00, London's time: but not on the 11th, and on the 18th an hour later.
    expect(open("2026-11-04T13:30")).toBe(false);
    expect(open("2026-11-11T13:30")).toBe(true);
    expect(open("2026-11-18T13:30")).toBe(true);
    expect(open("2026-11-18T14:30")).toBe(false);
    expect(open("2026-11-20T10:00")).toBe(true);
  });

  test("what is no calendar is refused", () => {
    expect(() => eventsIn("hello")).toThrow();
    expect(() => eventsIn(ICS.replaceAll("Europe/London", "Mars/Olympus"))).toThrow(/Mars/);
  });

  test("ten years of a daily rule are looked through in no time that a caller notices", () => {
    const rule = lasts("FREQ=DAILY", "2016-01-01T09:00", 60);
    const before = performance.now();
    expect(rule.covers(at("2026-11-26T09:30"), BERLIN)).toBe(true);
    expect(performance.now() - before).toBeLessThan(500);
  });
});

test("what nobody can mean is no time", () => {
  const wrong = [
    "",
    "Mon",
    "Xyz 09:00-10:00",
    "Mon 25:00-26:00",
    "Mon 09:00",
    "Mon 09:00-09:00",
    "Mon-Tue-Wed 09:00-10:00",
  ];
  expect(wrong.map((text) => weekSpanOf(text)?.from)).toEqual([undefined, 0, ...Array(5).fill(undefined)]);
  expect(["2026-02-30", "13-01", "2026-12-26..2026-12-24", "2026-12-24..12-26", "tomorrow"].map(dateSpansOf)).toEqual(
    Array(5).fill(undefined),
  );
  expect(dateSpansOf("02-29")?.length).toBe(1);
  expect([isZone("Europe/Berlin"), isZone("Europe/Atlantis")]).toEqual([true, false]);
});

test("an hour that a clock skips is the moment after it", () => {
  expect(momentOf(Date.parse("2026-03-29T02:30Z"), BERLIN)).toBe(Date.parse("2026-03-29T01:00Z"));
  expect(momentOf(Date.parse("2026-10-25T02:30Z"), BERLIN)).toBe(Date.parse("2026-10-25T00:30Z"));
});

const ICS = `BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//test//EN
BEGIN:VEVENT
UID:christmas
DTSTART;VALUE=DATE:20261225
DTEND;VALUE=DATE:20261227
SUMMARY:Christmas
END:VEVENT
BEGIN:VEVENT
UID:lunch
DTSTART;TZID=Europe/London:20260107T120000
DTEND;TZID=Europe/London:20260107T130000
RRULE:FREQ=WEEKLY;BYDAY=WE
EXDATE;TZID=Europe/London:20261111T120000
END:VEVENT
BEGIN:VEVENT
UID:lunch
RECURRENCE-ID;TZID=Europe/London:20261118T120000
DTSTART;TZID=Europe/London:20261118T130000
DTEND;TZID=Europe/London:20261118T140000
END:VEVENT
BEGIN:VEVENT
UID:gone
STATUS:CANCELLED
DTSTART:20261120T080000Z
DTEND:20261120T120000Z
END:VEVENT
END:VCALENDAR
`.replaceAll("\n", "\r\n");
