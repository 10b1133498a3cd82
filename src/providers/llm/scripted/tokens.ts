/** Words that say how something is asked, not what: they weigh little, unless an intent names them as keywords. */
const CARRIERS = new Set(
  (
    "a an the this that these those my your our his her its i you we he she it they me us them him am is are was were be been do does did " +
    "have has had can could would will shall should may might must to of in on at by for from with about and or but if so then there here " +
    "what when where which who how why not no yes please sorry hello hi okay ok well just any some like want know tell ask give get got " +
    "need say let make go going come i'm i'd i've it's that's what's where's don't excuse really also again now today too very much more " +
    "up out one thing something anything one's as all"
  ).split(" "),
);

export const isCarrier = (word: string): boolean => CARRIERS.has(word);

const IRREGULAR: Readonly<Record<string, string>> = {
  thanks: "thank",
  prices: "price",
  closes: "close",
  services: "service",
  addresses: "address",
  spoke: "speak",
  paid: "pay",
};

/** A word without its ending, so that "parking" meets "park". */
export function stem(word: string): string {
  const known = IRREGULAR[word];
  if (known) return known;
  const bare = word.replace(/'s?$/, "");
  if (bare.length > 5 && bare.endsWith("ing")) return undouble(bare.slice(0, -3));
  if (bare.length > 4 && bare.endsWith("ies")) return `${bare.slice(0, -3)}y`;
  if (bare.length > 4 && bare.endsWith("ed")) return undouble(bare.slice(0, -2));
  if (bare.length > 3 && bare.endsWith("s") && !bare.endsWith("ss")) return bare.slice(0, -1);
  return bare;
}

const undouble = (text: string): string =>
  text.replace(/([bdfgmnprt])\1$/, "$1").replace(/([cgsvz])$/, (end) => (end === "s" || end === "g" ? end : `${end}e`));

export const tokensOf = (text: string): string[] =>
  text
    .toLowerCase()
    .replace(/\u2019/g, "'")
    .replace(/\b(can|do|does|did|is|are|was|have|has|would|could|should)n't\b/g, "$1 not")
    .replace(
      /\b(i'm|he's|she's|it's|that's|what's|where's|there's|how's|who's|let's)\b/g,
      (word) => `${word.slice(0, word.indexOf("'"))} is`,
    )
    .replace(/'(re|ve|ll|d)\b/g, (_, end: string) => ` ${{ re: "are", ve: "have", ll: "will", d: "would" }[end] ?? ""}`)
    .replace(/[^\p{L}\p{N}' ]+/gu, " ")
    .split(/\s+/)
    .filter(Boolean);

const SOUNDS: readonly (readonly [RegExp, string])[] = [
  [/ph/g, "f"],
  [/tch|ch|sh|j|tio/g, "S"],
  [/th/g, "t"],
  [/ght/g, "t"],
  [/ck|qu|[cqgx]/g, "k"],
  [/[sz]/g, "s"],
  [/[bp]/g, "p"],
  [/[dt]/g, "t"],
  [/[fv]/g, "f"],
  [/[mn]/g, "n"],
  [/(?!^)[aeiouyhw]/g, ""],
  [/(.)\1+/g, "$1"],
];

/** How a word sounds, roughly: consonants in classes, vowels only at the front. */
export const soundOf = (word: string): string => SOUNDS.reduce((text, [from, to]) => text.replace(from, to), word);

/** 0 to 1: how well a heard stem matches a wanted one. Only long words may sound alike; short ones too often do. */
export function likeness(heard: string, wanted: string): number {
  if (heard === wanted) return 1;
  if (heard.length < 5 || wanted.length < 5) return 0;
  if (soundOf(heard) === soundOf(wanted)) return 0.7;
  const far = distance(heard, wanted) / Math.max(heard.length, wanted.length);
  return far <= 0.2 ? 0.7 : 0;
}

/** Levenshtein's. */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, swap));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
