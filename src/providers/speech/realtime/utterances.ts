import type { DialogueEvents } from "../../../conversation/providers.ts";

type Tell = DialogueEvents["words"];

interface Utterance {
  readonly number: number;
  item: string | undefined;
  text: string;
  complete: boolean;
}

// Nobody says so much without one of them being written down.
const KEPT = 50;

/** The caller's utterances as the server knows them: which item is which, and the words of each as they come. */
export class Utterances {
  readonly #listens: boolean;
  readonly #tell: Tell;
  readonly #all: Utterance[] = [];
  #count = 0;
  /** Of the server's own hearing: the newest that nobody has asked for. */
  #unclaimed: Utterance | undefined;
  /** The server hears the caller now: what is said is not in the conversation yet. */
  hearing = false;

  /** `listens`: the server says where utterances begin and end. */
  constructor({ listens, words }: { listens: boolean; words: Tell }) {
    this.#listens = listens;
    this.#tell = words;
  }

  /** We end one. */
  commit(): number {
    return this.#add(undefined).number;
  }

  /** The caller paused: what the server has heard since the last pause. Undefined: nothing, or its words are known already. */
  claim(): number | undefined {
    const utterance = this.#unclaimed;
    this.#unclaimed = undefined;
    return utterance && !utterance.complete ? utterance.number : undefined;
  }

  started(item: string): void {
    this.hearing = true;
    this.#unclaimed = this.#add(item);
  }

  committed(item: string): void {
    this.hearing = false;
    if (this.#listens) return;
    const utterance = this.#all.find((one) => one.item === undefined);
    if (utterance) utterance.item = item;
  }

  /** The oldest that was ended was too short for the server. */
  refused(): void {
    const utterance = this.#all.find((one) => one.item === undefined);
    if (utterance) this.#complete(utterance, "");
  }

  delta(item: string, text: string): void {
    const utterance = this.#all.find((one) => one.item === item);
    if (!utterance || utterance.complete) return;
    utterance.text += text;
    this.#tell({ utterance: utterance.number, text: utterance.text, final: false });
  }

  completed(item: string, text: string): void {
    const utterance = this.#all.find((one) => one.item === item);
    if (utterance && !utterance.complete) this.#complete(utterance, text);
  }

  #complete(utterance: Utterance, text: string): void {
    utterance.complete = true;
    this.#all.splice(this.#all.indexOf(utterance), 1);
    this.#tell({ utterance: utterance.number, text, final: true });
  }

  #add(item: string | undefined): Utterance {
    this.#count += 1;
    const utterance = { number: this.#count, item, text: "", complete: false };
    this.#all.push(utterance);
    if (this.#all.length > KEPT) this.#all.shift();
    return utterance;
  }
}
