import { baseOf, plain } from "./language.ts";

/*
 * Which of a few languages a caller speaks, by the words that a telephone call begins with. Lists of our own, and small: function words, greetings
 * and what callers want, with the endings and letters that only one of the languages has. See decision 0031 for how well that does.
 */

const WORDS: Readonly<Record<string, string>> = {
  en: "the a an and or but is are was were am be been do does did have has had can could would will shall should may might must not don't doesn't didn't i i'm i'd i've you your we our he she they them my me it its it's this that these there here what when where which who why how to of for with from at on in about please hello hi good morning afternoon evening thanks thank yes no yeah want need like know speak talk call help book cancel change open close tomorrow today next week appointment address price much many time someone somebody person sorry calling get make see any some if want's let",
  de: "der die das den dem des ein eine einen einem einer und oder aber ist sind war bin bist sein habe hab hat hatte haben kann können könnte könnten will möchte würde soll muss müssen nicht kein keine ich sie wir er es ihr mein meine meinen ihre ihren mir mich uns was wann wo wer wie warum welche zu zum zur von vom für mit aus auf an am im in bei über bitte hallo guten tag morgen abend danke ja nein doch brauche sprechen reden anrufen helfen termin adresse uhr heute nächste woche geöffnet offen jemand jemandem jemanden mensch rufe gern gerne noch schon mal auch dass wenn grüß gott moin servus kostet viel haben sagen geht",
  es: "el la los las un una unos unas y o pero es son está están estoy soy era ser tengo tiene tienen puedo puede podría quiero quisiera querría necesito hay no yo usted ustedes nosotros mi mis su sus me se lo le qué que cuándo cuando dónde donde quién cómo como cuánto cuanto cuál por para con de del al a en sobre favor hola buenos buenas días tardes noches gracias sí hablar llamar llamo ayuda cita dirección precio hora horario mañana hoy semana próxima abren abierto cierran alguien persona hacer saber cuesta reservar cancelar cambiar ver muy también si este esta eso",
  fr: "le la les un une des et ou mais est sont suis êtes était être ai as a avez avons ont peux peut pouvez pourrais pourriez veux voudrais faut dois ne pas je j'ai j'aimerais vous nous il elle on mon ma mes votre vos me moi se ce c'est cette ça que qu'est quand où qui comment combien quel quelle pourquoi pour avec de du d'un d'une au aux à en sur chez s'il plaît bonjour bonsoir allô salut merci oui non parler appeler appelle aide besoin rendez-vous rendez adresse prix heure heures demain aujourd'hui semaine prochaine ouvert ouverts ouvrez fermez quelqu'un personne faire savoir coûte réserver annuler changer voir très aussi si y",
};

/** What only one of them has, or hardly any other. */
const SHAPES: Readonly<Record<string, RegExp>> = {
  en: /(?:ing|tion|ght|wh\w+|th\w+|'s|n't)$/,
  de: /(?:ß|ä|ung$|lich$|keit$|heit$|^ge\w+t$|sch|[^q]ü|ö)/,
  es: /(?:ñ|ción$|mente$|ado$|ando$|iendo$|[aeo]r$|[áíóú])/,
  fr: /(?:[çèêàùœ]|eau|eux$|ez$|tion$|ment$|^[ldjnmstc]'|oi)/,
};

const LISTS = new Map(Object.entries(WORDS).map(([language, words]) => [language, new Set(words.split(" "))]));
const SHAPE_POINTS = 0.4;
/** So much more than the second one must the first have: about one word. */
const CLEAR = 0.9;

/**
 * The one of `languages` (BCP 47) that these words are of; undefined where they do not say it clearly, or are too few. Languages that
 * are not known here are never the answer.
 */
export function detectLanguage(text: string, languages: readonly string[]): string | undefined {
  const words = plain(text).split(" ");
  const points = languages.map((language) => ({ language, points: pointsOf(words, baseOf(language)) }));
  const [first, second] = points.toSorted((a, b) => b.points - a.points);
  return first && first.points - (second?.points ?? 0) >= CLEAR ? first.language : undefined;
}

function pointsOf(words: readonly string[], language: string): number {
  const list = LISTS.get(language);
  const shape = SHAPES[language];
  if (!list || !shape) return 0;
  let points = 0;
  // A word that several languages have says less: it counts for each of them, and so for none.
  for (const word of words) points += list.has(word) ? 1 : shape.test(word) ? SHAPE_POINTS : 0;
  return points;
}

/** What languages are called, in themselves and in the others: by who asks for one. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  en: ["english", "englisch", "inglés", "ingles", "anglais"],
  de: ["german", "deutsch", "alemán", "aleman", "allemand"],
  es: ["spanish", "spanisch", "español", "espanol", "castellano", "espagnol"],
  fr: ["french", "französisch", "francés", "frances", "français", "francais"],
};
const ASKS =
  /\b(speak|talk|in|auf|sprechen|spricht|reden|hablar|hablan|habla|en|parler|parlez|parle|please|bitte|favor|plaît)\b/u;
const SHORT_WORDS = 3;

/** The language that is asked for by its name: "auf Deutsch, bitte", "do you speak French?", "English". */
export function languageAskedFor(text: string, languages: readonly string[]): string | undefined {
  const words = plain(text);
  const count = words.split(" ").length;
  return languages.find((language) =>
    (NAMES[baseOf(language)] ?? []).some(
      (name) => new RegExp(`(^| )${name}($| )`, "u").test(words) && (count <= SHORT_WORDS || ASKS.test(words)),
    ),
  );
}
