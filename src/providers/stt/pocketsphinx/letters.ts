// Longest first. Names and rare words only: whatever the dictionary has comes from the dictionary.
const SOUNDS: readonly (readonly [string, string])[] = [
  ["tion", "SH AH N"],
  ["sion", "ZH AH N"],
  ["tch", "CH"],
  ["igh", "AY"],
  ["sch", "SH"],
  ["ough", "AO"],
  ["augh", "AO"],
  ["eigh", "EY"],
  ["ch", "CH"],
  ["sh", "SH"],
  ["th", "TH"],
  ["ph", "F"],
  ["wh", "W"],
  ["ck", "K"],
  ["qu", "K W"],
  ["ng", "NG"],
  ["gh", "G"],
  ["kn", "N"],
  ["wr", "R"],
  ["ee", "IY"],
  ["ea", "IY"],
  ["ie", "IY"],
  ["ei", "AY"],
  ["oo", "UW"],
  ["ou", "AW"],
  ["ow", "OW"],
  ["oa", "OW"],
  ["oi", "OY"],
  ["oy", "OY"],
  ["ai", "EY"],
  ["ay", "EY"],
  ["au", "AO"],
  ["aw", "AO"],
  ["ew", "UW"],
  ["ue", "UW"],
  ["er", "ER"],
  ["ir", "ER"],
  ["ur", "ER"],
  ["ar", "AA R"],
  ["or", "AO R"],
  ["ce", "S"],
  ["ci", "S IH"],
  ["cy", "S IY"],
  ["ge", "JH"],
  ["a", "AE"],
  ["b", "B"],
  ["c", "K"],
  ["d", "D"],
  ["e", "EH"],
  ["f", "F"],
  ["g", "G"],
  ["h", "HH"],
  ["i", "IH"],
  ["j", "JH"],
  ["k", "K"],
  ["l", "L"],
  ["m", "M"],
  ["n", "N"],
  ["o", "AA"],
  ["p", "P"],
  ["q", "K"],
  ["r", "R"],
  ["s", "S"],
  ["t", "T"],
  ["u", "AH"],
  ["v", "V"],
  ["w", "W"],
  ["x", "K S"],
  ["y", "IY"],
  ["z", "Z"],
];

/** A guess at how an English-looking word is said, as phones of the model. Empty when it has no letters. */
export function phonesOf(word: string): string {
  let rest = word.toLowerCase().replace(/[^a-z]/g, "");
  // A silent e at the end, and doubled consonants.
  rest = rest
    .replace(/([^aeiou])e$/, (all, before: string) => (rest.length > 3 ? before : all))
    .replace(/([bdfgklmnprtsz])\1/g, "$1");
  const phones: string[] = [];
  while (rest !== "") {
    const found = SOUNDS.find(([letters]) => rest.startsWith(letters));
    if (!found) break;
    phones.push(found[1]);
    rest = rest.slice(found[0].length);
  }
  return phones.join(" ");
}
