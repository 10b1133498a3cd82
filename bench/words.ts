/** How many words must be changed, left out or put in to get from one text to the other (Levenshtein's distance, by words). */
export function wordErrors(said: readonly string[], understood: readonly string[]): number {
  let row = Array.from({ length: understood.length + 1 }, (_, index) => index);
  for (const [at, word] of said.entries()) {
    const next = [at + 1];
    for (const [index, other] of understood.entries()) {
      const changed = (row[index] ?? 0) + (other === word ? 0 : 1);
      next.push(Math.min(changed, (row[index + 1] ?? 0) + 1, (next[index] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[a-z']+/g) ?? [];
