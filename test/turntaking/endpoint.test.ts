import { describe, expect, test } from "vitest";
import { endpointMs } from "../../src/conversation/endpoint.ts";
import { takesFloor } from "../../src/conversation/judge.ts";

const PAUSE_MS = 600;

describe("how long the agent waits depends on what was said", () => {
  test.each([
    ["en", "I would like to come and", "my number is five five five", "yes please", "when are you open"],
    ["de", "ich möchte kommen und", "meine Nummer ist null drei null", "ja bitte", "wann haben Sie offen"],
    ["es", "quisiera venir y", "el número es cinco cinco cinco", "sí por favor", "cuándo abren ustedes mañana"],
    ["fr", "je voudrais venir et", "le numéro est zéro un deux", "oui merci", "vous ouvrez quand"],
  ])("%s: longer after %j and %j, shorter after %j", (language, conjunction, number, yes, question) => {
    const wait = (text: string, asked = false) => endpointMs({ text, language, pauseMs: PAUSE_MS, asked });
    expect(wait(conjunction)).toBe(2 * PAUSE_MS);
    expect(wait(number)).toBe(2 * PAUSE_MS);
    expect(wait(yes, true)).toBeLessThan(PAUSE_MS);
    expect(wait(question)).toBe(PAUSE_MS);
  });
});

describe("a back-channel is none of an interruption, and a call to stop is one", () => {
  const about = { playing: "", near: true, far: false, leaving: false };
  test.each([
    ["en", "mm-hm, okay", "hold on"],
    ["de", "mhm, genau", "moment"],
    ["es", "vale, claro", "espere"],
    ["fr", "d'accord, oui", "attendez"],
    ["nl", "mm, okay", "wacht even"],
  ])("%s: %j goes on, %j stops", (language, nod, stop) => {
    expect(takesFloor({ ...about, language, text: nod })).toBe(false);
    expect(takesFloor({ ...about, language, text: stop })).toBe(true);
  });

  test("a short sound of doubtful words stops the agent only when they are a command or were expected", () => {
    const doubtful = { ...about, language: "en", doubtful: true, hints: ["opening hours"] };
    expect(takesFloor({ ...doubtful, text: "I'm in the gym" })).toBe(false);
    expect(takesFloor({ ...doubtful, text: "stop stop" })).toBe(true);
    expect(takesFloor({ ...doubtful, text: "opening hours" })).toBe(true);
    // In noise the words around it are wrong, and nothing is certain.
    expect(takesFloor({ ...doubtful, text: "and please repeat" })).toBe(true);
    expect(takesFloor({ ...doubtful, text: "an how much should" })).toBe(true);
    expect(takesFloor({ ...doubtful, text: "I am I'm a tram" })).toBe(false);
    expect(takesFloor({ ...doubtful, language: "de", text: "und können Sie" })).toBe(true);
  });

  test("words that came from far away are somebody else's", () => {
    expect(takesFloor({ ...about, language: "en", near: false, far: true, text: "where is the train" })).toBe(false);
  });
});
