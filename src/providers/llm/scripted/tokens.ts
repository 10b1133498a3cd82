import { baseOf } from "../../../conversation/language.ts";

/** Words that say how something is asked, not what: they weigh little, unless an intent names them as keywords. */
const CARRIERS: Readonly<Record<string, ReadonlySet<string>>> = {
  en: setOf(
    "a an the this that these those my your our his her its i you we he she it they me us him them am is are was were be been do does did " +
      "have has had can could would will shall should may might must to of in on at by for from with about and or but if so then there here " +
      "what when where which who why how not no yes please sorry hello hi okay ok well just any some like want know tell ask give get got " +
      "need say let make go going come i'm i'd i've it's that's what's where's don't excuse really also again now today too very much more " +
      "up out one thing something anything one's as all",
  ),
  de: setOf(
    "der die das den dem des ein eine einen einem einer eines und oder aber ist sind war waren bin bist sein habe hab hat hatte hätte haben " +
      "kann können könnte könnten will wollen wollte möchte möchten würde würden soll sollte darf dürfte muss müssen werden wird nicht kein keine " +
      "keinen ich du sie wir er es ihr man mein meine meinen meinem meiner ihre ihren ihrem unser unsere mir mich uns ihnen sich was wann wo wer " +
      "wie warum wieso welche welcher welches woher wohin zu zum zur von vom für mit aus an am im in ins bei über nach um vor dann denn da dort hier " +
      "bitte hallo guten tag danke ja nein okay ok gern gerne noch schon mal auch dass ob wenn so etwas gibt geben sagen wissen fragen brauche " +
      "braucht machen gehen geht kommen komme bekommen jetzt sehr nur eigentlich einmal also mehr entschuldigung",
  ),
  es: setOf(
    "el la los las un una unos unas y o pero es son está están estoy soy era ser estar tengo tiene tienen tener hay puedo puede pueden podría " +
      "podrían quiero quisiera querría quería necesito hace hacen hacer ir voy va no sí yo tú usted ustedes nosotros mi mis tu su sus nuestro me " +
      "te se lo le les nos qué que cuándo cuando dónde donde quién cómo como cuál cuáles por para con de del al a en sobre desde hasta favor hola " +
      "buenos buenas días tardes noches gracias decir decirme dígame saber preguntar también muy más ya ahora hoy este esta eso esto algo perdón",
  ),
  fr: setOf(
    "le la les un une des et ou mais est sont suis êtes était être ai as a avez avons ont avoir peux peut pouvez pouvons pourrais pourriez veux " +
      "voudrais voulez faut dois doit ne pas je j'ai j'aimerais tu vous nous il elle on ils mon ma mes votre vos notre nos son sa ses me moi se " +
      "ce c'est cette ces ça que qu'est qui quand où comment quel quelle quels quelles pourquoi pour avec de du d'un d'une au aux à en sur dans " +
      "par chez si s'il plaît bonjour bonsoir allô merci oui non faire fait dire savoir demander aller vais va très aussi bien plus maintenant " +
      "aujourd'hui y là ici pardon",
  ),
};

function setOf(words: string): ReadonlySet<string> {
  return new Set(words.split(" "));
}

const ENGLISH = CARRIERS.en as ReadonlySet<string>;

export const isCarrier = (word: string, language: string): boolean => (CARRIERS[baseOf(language)] ?? ENGLISH).has(word);

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
