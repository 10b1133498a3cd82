// A piece this long takes flite half a second; it is cut so that the first words are there sooner.
const PART_CHARACTERS = 240;
const PIECE_CHARACTERS = 4000;

/** What a voice can be given of one piece of a reply: printable, of bounded length, with something to say in it. */
export function speakableParts(piece: string): string[] {
  // Control characters end a program's argument or mean something to it.
  const clean = piece
    .slice(0, PIECE_CHARACTERS)
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, " ")
    .replace(/[‘’]/g, "'")
    .replace(/[“”]/g, '"')
    .replace(/\s*[–—]\s*/g, ", ")
    .replace(/\s+/g, " ")
    .trim();
  const parts: string[] = [];
  let rest = clean;
  while (rest.length > PART_CHARACTERS) {
    const at = cutAt(rest);
    parts.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  }
  parts.push(rest);
  return parts.filter((part) => /[\p{L}\p{N}]/u.test(part));
}

/** After the last sentence, else the last clause, else the last word that fits. */
function cutAt(text: string): number {
  const head = text.slice(0, PART_CHARACTERS);
  for (const boundary of [/^.*[.!?](?=\s)/s, /^.*[,;:](?=\s)/s, /^.*\s/s]) {
    const found = boundary.exec(head)?.[0].length ?? 0;
    if (found > PART_CHARACTERS / 4) return found;
  }
  return PART_CHARACTERS;
}

/** The silence that belongs behind a piece: the longer, the more it ends. */
export function pauseAfterMs(text: string): number {
  if (/[.!?]["')]*$/.test(text)) return 180;
  return /[,;:]["')]*$/.test(text) ? 100 : 40;
}
