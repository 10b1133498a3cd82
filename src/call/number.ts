/** "+49 (30) 123-456" and "004930123456" are one number. */
export const plainNumber = (number: string): string => number.replaceAll(/[\s()./-]/g, "").replace(/^00(?=[1-9])/, "+");

/** How numbers of the own country are written by the PBX: `countryCode` without a plus, and the digit that stands before an area code. */
export interface NumberPlan {
  readonly countryCode?: string | undefined;
  readonly trunkPrefix: string;
}

const MIN_DIGITS = 2;
// What stands for a withheld number, in letters and on keypads ("ANONYMOUS").
const WITHHELD = /anonym|restrict|unavail|unknown|private|withheld|^\+?266696687$/i;

/** A caller's number in its one form; undefined for one that is withheld, or is none. */
export function callerNumber(given: string, { countryCode, trunkPrefix }: NumberPlan): string | undefined {
  if (WITHHELD.test(given)) return undefined;
  const number = plainNumber(given.replace(/^sips?:|^tel:/i, "").replace(/[@;].*$/, ""));
  if (!/^\+?\d+$/.test(number) || number.replace("+", "").length < MIN_DIGITS || /^\+?0+$/.test(number))
    return undefined;
  if (countryCode === undefined || number.startsWith("+") || trunkPrefix === "" || !number.startsWith(trunkPrefix))
    return number;
  return `+${countryCode}${number.slice(trunkPrefix.length)}`;
}
