import { oneLine } from "../base/text.ts";
import type { NotReached } from "../call/handover.ts";
import { baseOf } from "./language.ts";

/** What callers and colleagues are told when a call changes hands. `{who}` is the person's title. */
export interface PeopleWords {
  readonly notReached: Readonly<Record<NotReached, string>>;
  readonly closed: string;
  /** `{when}`: a day and a time. */
  readonly opens: string;
  /** After each of those. */
  readonly more: string;
  /** The brief: who calls, why, and which key does what. */
  readonly calls: string;
  readonly unknownCalls: string;
  readonly about: string;
  readonly keys: string;
}

const ENGLISH: PeopleWords = {
  notReached: {
    busy: "I am sorry, {who} is on another call.",
    noanswer: "I am sorry, nobody answered at {who}.",
    refused: "I am sorry, {who} cannot take your call right now.",
    unreachable: "I am sorry, I could not reach {who}.",
  },
  closed: "I am sorry, {who} is not available at this time.",
  opens: "Somebody is there again {when}.",
  more: "What else can I do for you?",
  calls: "A call from {number}.",
  unknownCalls: "A call without a number.",
  about: "It is about: {reason}.",
  keys: "Press 1 to take it, or 2 to refuse.",
};

const WORDS: Readonly<Record<string, PeopleWords>> = {
  en: ENGLISH,
  de: {
    notReached: {
      busy: "Es tut mir leid, {who} spricht gerade.",
      noanswer: "Es tut mir leid, bei {who} hat niemand abgenommen.",
      refused: "Es tut mir leid, {who} kann gerade nicht ans Telefon kommen.",
      unreachable: "Es tut mir leid, {who} ist nicht zu erreichen.",
    },
    closed: "Es tut mir leid, {who} ist um diese Zeit nicht zu erreichen.",
    opens: "Wieder erreichbar: {when}.",
    more: "Was kann ich sonst für Sie tun?",
    calls: "Ein Anruf von {number}.",
    unknownCalls: "Ein Anruf ohne Nummer.",
    about: "Es geht um: {reason}.",
    keys: "Drücken Sie die 1, um ihn anzunehmen, oder die 2, um abzulehnen.",
  },
  es: {
    notReached: {
      busy: "Lo siento, {who} está en otra llamada.",
      noanswer: "Lo siento, no contesta nadie en {who}.",
      refused: "Lo siento, {who} no puede atenderle ahora.",
      unreachable: "Lo siento, no he podido comunicar con {who}.",
    },
    closed: "Lo siento, {who} no está disponible a esta hora.",
    opens: "Vuelve a estar disponible: {when}.",
    more: "¿En qué más puedo ayudarle?",
    calls: "Una llamada de {number}.",
    unknownCalls: "Una llamada sin número.",
    about: "Se trata de: {reason}.",
    keys: "Pulse 1 para aceptarla o 2 para rechazarla.",
  },
  fr: {
    notReached: {
      busy: "Je suis désolé, {who} est déjà en ligne.",
      noanswer: "Je suis désolé, personne ne répond chez {who}.",
      refused: "Je suis désolé, {who} ne peut pas prendre votre appel maintenant.",
      unreachable: "Je suis désolé, je n'ai pas pu joindre {who}.",
    },
    closed: "Je suis désolé, {who} n'est pas disponible à cette heure.",
    opens: "De nouveau joignable : {when}.",
    more: "Que puis-je faire d'autre pour vous ?",
    calls: "Un appel du {number}.",
    unknownCalls: "Un appel sans numéro.",
    about: "Il s'agit de : {reason}.",
    keys: "Appuyez sur 1 pour le prendre, ou sur 2 pour le refuser.",
  },
};

/** English where we have no words of a language. */
export const peopleWords = (language: string): PeopleWords => WORDS[baseOf(language)] ?? ENGLISH;

const fill = (text: string, values: Readonly<Record<string, string>>): string =>
  text.replace(/\{(\w+)\}/g, (all, name: string) => values[name] ?? all);

/** To a caller who is back because nobody was reached. */
export function backSentence(language: string, who: string, why: NotReached): string {
  const { notReached, more } = peopleWords(language);
  return `${fill(notReached[why], { who })} ${more}`;
}

/** To a caller who asks for somebody outside of their hours. */
export function closedSentence(language: string, who: string, when: string | undefined): string {
  const { closed, opens, more } = peopleWords(language);
  return [fill(closed, { who }), ...(when === undefined ? [] : [fill(opens, { when })]), more].join(" ");
}

const NUMBER_DIGITS = 20;
const TEXT_MAX = 400;

/** What the human hears who is to take the call: `text` from the conversation where there is one. */
export function briefText(
  language: string,
  { number, reason, text }: { number: string; reason: string; text: string },
): string {
  const { calls, unknownCalls, about, keys } = peopleWords(language);
  const digits = number.replace(/[^0-9]/g, "").slice(-NUMBER_DIGITS);
  // One by one: a number of ten digits is none that is worth a billion.
  const who = digits === "" ? unknownCalls : fill(calls, { number: digits.split("").join(" ") });
  const said = oneLine(text).slice(0, TEXT_MAX) || (reason === "" ? "" : fill(about, { reason }));
  return [who, said, keys].filter((part) => part !== "").join(" ");
}
