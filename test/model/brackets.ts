/** The place where the bracket is closed that was opened before `from`: others of its kind may stand in between. */
export function closing(text: string, from: number, [open, close]: readonly [string, string]): number {
  let depth = 1;
  for (let at = from; at < text.length; at++) {
    if (text[at] === open) depth++;
    else if (text[at] === close && --depth === 0) return at;
  }
  throw new Error(`an open bracket: ${text}`);
}
