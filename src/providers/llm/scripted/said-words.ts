import { baseOf } from "../../../conversation/language.ts";

/** What callers answer in a language, and what a script says there in words of ours. */
export interface SaidWords {
  readonly yes: readonly string[];
  readonly no: readonly string[];
  readonly numbers: NumberWords;
  /** For the recogniser: what an answer to such a question is likely to be made of. */
  readonly expected: { readonly yesNo: readonly string[]; readonly digits: readonly string[] };
  readonly goOn: string;
  readonly allRight: string;
  readonly failed: string;
}

/** Numbers below a hundred: in France and Spain nobody gives a telephone number in any other way. */
export interface NumberWords {
  /** "seven", "seventeen", "siebzehn", "veintiuno": by itself a whole number, with all its spellings. */
  readonly whole: ReadonlyMap<string, number>;
  /** "twenty", and after it "three": with `and` where a word stands between. */
  readonly tens: ReadonlyMap<string, number>;
  readonly and: { readonly word: string; readonly must: boolean } | undefined;
  /** After these the numbers below twenty follow, not those below ten: "soixante-douze". */
  readonly twenties: readonly number[];
  /** These sound like numbers, and are some only beside others. */
  readonly onlyBesideOthers: readonly string[];
  readonly repeats: ReadonlyMap<string, number>;
}

const list = (words: string): string[] => words.split(" ");

/** "zero/oh one": what stands between blanks counts on from `first`; a slash sets spellings of one number apart, a low line joins its words. */
const counted = (words: string, { first = 0, step = 1 } = {}): [string, number][] =>
  list(words).flatMap((spellings, at) =>
    spellings.split("/").map((word): [string, number] => [word.replaceAll("_", " "), first + at * step]),
  );

const tensOf = (words: string): Map<string, number> => new Map(counted(words, { first: 20, step: 10 }));

/** German says the smaller one first, in one word: "dreiundzwanzig". */
function germanPairs(): [string, number][] {
  const units = counted("ein zwei/zwo drei vier fünf/fuenf sechs sieben acht neun", { first: 1 });
  const tens = [...tensOf(GERMAN_TENS)];
  return tens.flatMap(([ten, tenth]) =>
    units.map(([unit, one]): [string, number] => [`${unit}und${ten}`, tenth + one]),
  );
}

const SPANISH_TENS = "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa";
const GERMAN_TENS = "zwanzig dreißig/dreissig vierzig fünfzig/fuenfzig sechzig siebzig achtzig neunzig";

const WORDS: Readonly<Record<string, SaidWords>> = {
  en: {
    yes: list("yes yeah yep sure correct right okay ok exactly please absolutely"),
    no: list("no nope not wrong don't never nothing"),
    numbers: {
      whole: new Map([
        ...counted(
          "zero/oh/o/nought one two/to/too three four/for five six seven eight nine ten eleven twelve thirteen",
        ),
        ...counted("fourteen fifteen sixteen seventeen eighteen nineteen", { first: 14 }),
      ]),
      tens: tensOf("twenty thirty forty/fourty fifty sixty seventy eighty ninety"),
      and: undefined,
      twenties: [],
      onlyBesideOthers: list("to too for o oh one"),
      repeats: new Map(Object.entries({ double: 2, triple: 3, treble: 3 })),
    },
    expected: {
      yesNo: ["yes", "no", "yes please", "no thank you"],
      digits: list("zero oh one two three four five six seven eight nine"),
    },
    goOn: "Yes, go on.",
    allRight: "All right. What else can I do for you?",
    failed: "I am sorry, that did not work. What else can I do for you?",
  },
  de: {
    yes: list("ja jawohl jo jep genau richtig stimmt korrekt gern gerne okay ok klar natürlich sicher doch passt"),
    no: list("nein nee ne nö nicht falsch kein keine keinen nie niemals nichts"),
    numbers: {
      whole: new Map([
        ...counted("null eins/ein zwei/zwo drei vier fünf/fuenf sechs sieben acht neun zehn elf zwölf/zwoelf dreizehn"),
        ...counted("vierzehn fünfzehn/fuenfzehn sechzehn siebzehn achtzehn neunzehn", { first: 14 }),
        ...germanPairs(),
      ]),
      tens: tensOf(GERMAN_TENS),
      and: undefined,
      twenties: [],
      onlyBesideOthers: ["ein"],
      repeats: new Map(Object.entries({ doppel: 2, zweimal: 2, dreimal: 3 })),
    },
    expected: {
      yesNo: ["ja", "nein", "ja bitte", "nein danke"],
      digits: list("null eins zwei zwo drei vier fünf sechs sieben acht neun"),
    },
    goOn: "Ja, weiter.",
    allRight: "In Ordnung. Was kann ich sonst für Sie tun?",
    failed: "Es tut mir leid, das hat nicht geklappt. Was kann ich sonst für Sie tun?",
  },
  es: {
    yes: list("sí si claro correcto exacto exactamente vale ok okay supuesto acuerdo eso afirmativo perfecto"),
    no: list("no nunca nada incorrecto tampoco jamás negativo mal"),
    numbers: {
      whole: new Map([
        ...counted("cero uno/un/una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince"),
        ...counted("dieciséis/dieciseis diecisiete dieciocho diecinueve", { first: 16 }),
        ...counted("veintiuno/veintiún/veintiun/veintiuna veintidós/veintidos veintitrés/veintitres", { first: 21 }),
        ...counted("veinticuatro veinticinco veintiséis/veintiseis veintisiete veintiocho veintinueve", { first: 24 }),
      ]),
      tens: tensOf(SPANISH_TENS),
      and: { word: "y", must: true },
      twenties: [],
      onlyBesideOthers: list("un una uno"),
      repeats: new Map(Object.entries({ doble: 2, triple: 3 })),
    },
    expected: {
      yesNo: ["sí", "no", "sí por favor", "no gracias"],
      digits: list(
        `cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince ${SPANISH_TENS}`,
      ),
    },
    goOn: "Sí, siga.",
    allRight: "De acuerdo. ¿En qué más puedo ayudarle?",
    failed: "Lo siento, no ha funcionado. ¿En qué más puedo ayudarle?",
  },
  fr: {
    yes: list("oui ouais exact exactement correct d'accord si bien sûr volontiers absolument parfait ok okay entendu"),
    no: list("non pas jamais rien incorrect faux aucun aucune"),
    numbers: {
      whole: new Map([
        ...counted(
          "zéro/zero un/une deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize",
        ),
        ...counted("dix_sept dix_huit dix_neuf", { first: 17 }),
      ]),
      tens: new Map([
        ...counted("vingt trente quarante cinquante soixante septante", { first: 20, step: 10 }),
        ...counted("quatre_vingt/quatre_vingts/huitante/octante nonante", { first: 80, step: 10 }),
      ]),
      and: { word: "et", must: false },
      twenties: [60, 80],
      onlyBesideOthers: list("un une"),
      repeats: new Map(Object.entries({ double: 2, triple: 3 })),
    },
    expected: {
      yesNo: ["oui", "non", "oui s'il vous plaît", "non merci"],
      digits: list(
        "zéro un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize vingt trente quarante cinquante soixante",
      ),
    },
    goOn: "Oui, continuez.",
    allRight: "D'accord. Que puis-je faire d'autre pour vous ?",
    failed: "Je suis désolé, cela n'a pas marché. Que puis-je faire d'autre pour vous ?",
  },
};

const ENGLISH = WORDS.en as SaidWords;

/** `language` as BCP 47; English where we have no words of it. */
export const saidWords = (language: string): SaidWords => WORDS[baseOf(language)] ?? ENGLISH;
