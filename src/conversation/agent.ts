import type { Next } from "../call/engine.ts";
import type { Collector } from "./collector.ts";
import { baseOf } from "./language.ts";
import type { ConversationLimits } from "./limits.ts";
import type { Person } from "./person.ts";

/** Sentences that the agent says of itself, whatever the model does. Spoken in the agent's voice, so that a cache can hold them. */
export interface AgentPrompts {
  /** To a caller who says nothing: one after the other, then the menu. */
  readonly noInput: readonly string[];
  /** When the model failed. */
  readonly apology: string;
  /** While an answer takes long: at most one a turn, each in turn. Empty: nothing is said. */
  readonly filler: readonly string[];
  /** Before hanging up, where the model said nothing. */
  readonly goodbye: string;
  /** Before a transfer, where the model said nothing. */
  readonly transfer: string;
  /** To a caller whose call was interrupted and goes on. */
  readonly interrupted: string;
  /** After that, before the sentence that was cut. */
  readonly asISaid: string;
  /** Or to a caller who was speaking, or about to. */
  readonly goOn: string;
}

/** Who takes callers that want a person. */
export type Human = { readonly target: string } | "menu";

/** Who answers. Frozen data out of the agent's file: a reload makes a new one, and running calls keep theirs. */
export interface Agent {
  readonly name: string;
  /** BCP 47, for example "en" or "de-AT". */
  readonly language: string;
  /** Empty: the caller speaks first. */
  readonly greeting: string;
  readonly voice: string;
  /** How long a caller may pause before the agent answers, from the last voiced frame. */
  readonly pauseMs: number;
  /** What the model is told it is. Empty for a scripted one. */
  readonly prompt: string;
  readonly prompts: AgentPrompts;
  /** Phrases that callers are expected to say, most wanted first. */
  readonly hints: readonly string[];
  /** What else it says in the same words to many callers: spoken ahead like its prompts, where the voice keeps them. */
  readonly texts: readonly string[];
  /** The names that calls may be transferred to: extensions of the dialplan's own list. Empty: no transfer. */
  readonly targets: readonly string[];
  /** What it may ask callers to press. */
  readonly collectors: readonly Collector[];
  /** Where the key 0 leads: one of the targets, or the menu. Undefined: nowhere, it is a key like any other. */
  readonly human: Human | undefined;
  /** What is known of them, by the target's name. One that is not among them is rung, and the menu follows. */
  readonly people: Readonly<Record<string, Person>>;
  /** Where the call goes when the greeting is over, whatever the caller says: an agent that only tells that nobody is there. */
  readonly afterGreeting?: Next;
  /** Where this agent is stricter or more patient than the service. */
  readonly limits?: Partial<ConversationLimits>;
}

export const DEFAULT_PAUSE_MS = 600;

const ENGLISH: AgentPrompts = Object.freeze({
  noInput: Object.freeze(["I did not hear anything. How can I help you?", "Are you still there?"]),
  apology: "Sorry, something went wrong here. Could you say that again?",
  filler: Object.freeze(["One moment, please.", "Just a moment."]),
  goodbye: "Thank you for calling. Goodbye.",
  transfer: "One moment, I will put you through.",
  interrupted: "Sorry, the line was interrupted.",
  asISaid: "As I was saying:",
  goOn: "Please go on.",
});

const PROMPTS: Readonly<Record<string, AgentPrompts>> = {
  en: ENGLISH,
  de: Object.freeze({
    noInput: Object.freeze(["Ich habe nichts gehört. Wie kann ich Ihnen helfen?", "Sind Sie noch da?"]),
    apology: "Entschuldigung, da ist etwas schiefgegangen. Könnten Sie das noch einmal sagen?",
    filler: Object.freeze(["Einen Moment, bitte.", "Augenblick, bitte."]),
    goodbye: "Vielen Dank für Ihren Anruf. Auf Wiederhören.",
    transfer: "Einen Moment, ich verbinde Sie.",
    interrupted: "Entschuldigung, die Leitung war unterbrochen.",
    asISaid: "Wie gesagt:",
    goOn: "Bitte sprechen Sie weiter.",
  }),
  es: Object.freeze({
    noInput: Object.freeze(["No he oído nada. ¿En qué puedo ayudarle?", "¿Sigue ahí?"]),
    apology: "Perdone, algo ha fallado. ¿Puede repetirlo?",
    filler: Object.freeze(["Un momento, por favor.", "Un segundo, por favor."]),
    goodbye: "Gracias por su llamada. Adiós.",
    transfer: "Un momento, le paso.",
    interrupted: "Perdone, se ha cortado la línea.",
    asISaid: "Como le decía:",
    goOn: "Continúe, por favor.",
  }),
  fr: Object.freeze({
    noInput: Object.freeze(["Je n'ai rien entendu. Comment puis-je vous aider ?", "Êtes-vous toujours là ?"]),
    apology: "Excusez-moi, il y a eu un problème. Pouvez-vous répéter ?",
    filler: Object.freeze(["Un instant, s'il vous plaît.", "Un petit moment."]),
    goodbye: "Merci de votre appel. Au revoir.",
    transfer: "Un instant, je vous passe quelqu'un.",
    interrupted: "Excusez-moi, la ligne a été interrompue.",
    asISaid: "Je disais donc :",
    goOn: "Continuez, je vous en prie.",
  }),
};

/** What an agent says of itself in `language` where its file is silent. English where we have no words of it. */
export const promptsFor = (language: string): AgentPrompts => PROMPTS[baseOf(language)] ?? ENGLISH;

/** An agent with everything that its file may leave out. */
export function defineAgent(
  given: Pick<Agent, "name"> & Partial<Omit<Agent, "prompts">> & { prompts?: Partial<AgentPrompts> },
): Agent {
  const language = given.language ?? "en";
  return Object.freeze({
    greeting: "",
    voice: "",
    pauseMs: DEFAULT_PAUSE_MS,
    prompt: "",
    hints: [],
    texts: [],
    targets: [],
    collectors: [],
    human: undefined,
    people: {},
    ...given,
    language,
    prompts: Object.freeze({ ...promptsFor(language), ...given.prompts }),
  });
}
