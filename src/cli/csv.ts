/** One row of RFC 4180, with its line end. */
export const csvRow = (cells: readonly (string | number | null)[]): string => `${cells.map(csvCell).join(",")}\r\n`;

/**
 * A cell that a spreadsheet takes for what it is. Callers choose their names: one that begins like a formula gets an
 * apostrophe before it (https://owasp.org/www-community/attacks/CSV_Injection). Numbers, also "+4930…", stay as they are.
 */
function csvCell(value: string | number | null): string {
  const text = value === null ? "" : String(value);
  const formula = /^\s*[=+\-@|%＝＋－＠]|^[\t\r\n]/.test(text) && !/^[+-]?\d+(\.\d+)?$/.test(text);
  const safe = formula ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
