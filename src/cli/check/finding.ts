export type Level = "ok" | "warn" | "fail";

/** One thing that was looked at. */
export interface Finding {
  readonly level: Level;
  /** What it is about: "config", "asterisk", "provider". */
  readonly about: string;
  readonly what: string;
  /** What to do; empty where there is nothing to do. */
  readonly todo: string;
}

export const finding = (level: Level, about: string, what: string, todo = ""): Finding => ({
  level,
  about,
  what,
  todo,
});

/** "fail  asterisk  The password of ARI is wrong. Set …": one line each, for people and for grep. */
export const findingLine = ({ level, about, what, todo }: Finding): string =>
  `${level.padEnd(4)}  ${about.padEnd(8)}  ${what}${todo === "" ? "" : ` ${todo}`}\n`;
