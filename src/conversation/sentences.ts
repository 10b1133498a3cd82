// The first piece is short, so that the voice has something to say at once; later ones are whole sentences, for their melody.
const FIRST_MIN_CHARACTERS = 8;
const FIRST_MAX_CHARACTERS = 60;
const MIN_CHARACTERS = 12;
const MAX_CHARACTERS = 220;

const ABBREVIATION =
  /(?:^|[\s(])(?:[A-Za-zÀ-ÿ]|\d+|[ap]\.m|e\.g|i\.e|z\.\s?B|dr|mr|mrs|ms|st|no|nr|str|bzw|ca|vs|prof|sr|sra|av|mme|etc)\.$/i;

/** Cuts a stream of text into pieces that a voice can say: sentences, and for the first one a clause. */
export class Sentences {
  #rest = "";
  #first = true;

  /** The pieces that are complete with this text. */
  push(text: string): string[] {
    this.#rest += spoken(text);
    const pieces: string[] = [];
    for (let end = this.#cut(); end > 0; end = this.#cut()) pieces.push(...this.#take(end));
    return pieces;
  }

  /** What is left when the text has ended. */
  end(): string[] {
    return this.#take(this.#rest.length);
  }

  #take(end: number): string[] {
    const piece = this.#rest
      .slice(0, end)
      .replace(/\s+/g, " ")
      .replace(/^[\s.…,;:!?–—-]+/, "")
      .trim();
    this.#rest = this.#rest.slice(end).trimStart();
    // A piece without a letter or a figure would be a voice's silence, or its "exclamation mark".
    if (!/[\p{L}\p{N}]/u.test(piece)) return [];
    this.#first = false;
    return [piece];
  }

  /** Where the next piece ends; 0 when more text is needed to know. */
  #cut(): number {
    const shortest = this.#first ? FIRST_MIN_CHARACTERS : MIN_CHARACTERS;
    const longest = this.#first ? FIRST_MAX_CHARACTERS : MAX_CHARACTERS;
    // A mark ends a piece only when white space follows: "9.30" and "e.g." go on. Chinese and Japanese have none.
    const marks = this.#first ? /[.!?…,;:–—](?=["”»)]*\s)|[。！？，]/gu : /[.!?…](?=["”»)]*\s)|[。！？]/gu;
    for (const mark of this.#rest.matchAll(marks)) {
      const end = mark.index + mark[0].length;
      if (end > longest) break;
      if (end < shortest || (mark[0] === "." && ABBREVIATION.test(this.#rest.slice(0, end)))) continue;
      return end + closing(this.#rest, end);
    }
    if (this.#rest.length <= longest) return 0;
    const clause = this.#rest.slice(0, longest).search(/[,;:–—]\s[^,;:–—]*$/u);
    if (clause >= shortest) return clause + 1;
    const space = this.#rest.lastIndexOf(" ", longest);
    return space > 0 ? space : longest;
  }
}

/** Marks of layout that models write and nobody says. */
const spoken = (text: string): string => text.replace(/[*_#`~|]+/g, "").replace(/\p{Extended_Pictographic}/gu, "");

const closing = (text: string, from: number): number => /^["”»)]*/.exec(text.slice(from))?.[0].length ?? 0;
