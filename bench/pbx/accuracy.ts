/** How many words one must be changed, left out or put in to make the first text of the second, by the shortest way. */
export function wordErrors(said: readonly string[], heard: readonly string[]): number {
  let row = heard.map((_, at) => at + 1);
  for (const [line, word] of said.entries()) {
    let [corner, left] = [line, line + 1];
    row = heard.map((other, at) => {
      const above = row[at] ?? 0;
      left = Math.min(above + 1, left + 1, corner + (word === other ? 0 : 1));
      corner = above;
      return left;
    });
  }
  return row.at(-1) ?? said.length;
}

export const wordsOf = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}']+/gu) ?? [];

/** Part of the words said that were understood: 1 is all, and below 0 nothing is told. */
export const accuracy = (said: string, heard: string): number => {
  const words = wordsOf(said);
  return Math.max(0, 1 - wordErrors(words, wordsOf(heard)) / words.length);
};
