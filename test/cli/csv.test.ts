import { describe, expect, test } from "vitest";
import { csvRow } from "../../src/cli/csv.ts";

describe("a table for a spreadsheet", () => {
  test("quotes what would break its rows", () => {
    expect(csvRow(["a", 'say "hi", twice', "two\nlines", null, 7])).toBe('a,"say ""hi"", twice","two\nlines",,7\r\n');
  });

  test.each(["=cmd|'/c calc'!A0", "+SUM(A1)", "-2+3", "@SUM(1)", "%0A", "|calc", " =1+1", "\t=1", "＝1+1", "=1\n"])(
    "takes the formula %j out of a caller's name",
    (name) => {
      expect(csvRow([name])).toMatch(/^"?'/);
    },
  );

  test.each(["+4930123456", "-5", "12.5", "0", "Anna = Berta", "4100"])("leaves %j as it is", (text) => {
    expect(csvRow([text])).toBe(`${text}\r\n`);
  });
});
