import { baseOf } from "./language.ts";
/** What is said to a caller who pressed the wrong keys, or none. */
export interface KeypadWords {
  readonly wrong: string;
  readonly nothing: string;
}

const ENGLISH: KeypadWords = { wrong: "That was not complete.", nothing: "I did not receive any digits." };

const WORDS: Readonly<Record<string, KeypadWords>> = {
  en: ENGLISH,
  de: { wrong: "Das war nicht vollständig.", nothing: "Ich habe keine Ziffern erhalten." },
  es: { wrong: "Eso no estaba completo.", nothing: "No he recibido ninguna cifra." },
  fr: { wrong: "Ce n'était pas complet.", nothing: "Je n'ai reçu aucun chiffre." },
};

/** English where we have no words of the language. */
export const keypadWords = (language: string): KeypadWords => WORDS[baseOf(language)] ?? ENGLISH;
