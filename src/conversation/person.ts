import type { Afterwards } from "../call/handover.ts";

/** A human, or a group of them, whom calls may be transferred to. Frozen data out of the configuration. */
export interface Person {
  /** As callers are told of them: "our accountants". */
  readonly title: string;
  /** What they are for: a language model chooses by it. Empty: the name says it. */
  readonly about: string;
  /** They hear who calls and why, and take the call with a key. */
  readonly warm: boolean;
  readonly ringSeconds: number;
  readonly onBusy: Afterwards;
  readonly onNoAnswer: Afterwards;
  /** Outside of their hours. */
  readonly whenClosed: Afterwards;
}

/** A target of which the configuration says nothing: the dialplan rings it, and its menu follows. */
export const plainPerson = (target: string): Person => ({
  title: target,
  about: "",
  warm: false,
  ringSeconds: 0,
  onBusy: "menu",
  onNoAnswer: "menu",
  whenClosed: "menu",
});

/** What a call's tools ask of the house when somebody is to be reached. */
export interface Reception {
  /** Whether somebody is there now, and when again: as a clock shows it there, "Monday 09:00". */
  hoursOf(target: string, language: string): { readonly open: boolean; readonly opens?: string };
  /** Begins to speak this into a file, and returns its id at once. Undefined: nobody could play it. */
  brief?(text: string): string | undefined;
}
