export type Path = readonly PropertyKey[];

export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong in one file, in words an administrator can act on. */
export interface Fault extends Place {
  readonly file: string;
  readonly problem: string;
}

export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(formatFault).join("\n"));
    this.faults = faults;
  }
}

/** The form that editors and compilers use, so that a click leads to the place. */
export const formatFault = ({ file, line, column, problem }: Fault): string => `${file}:${line}:${column}: ${problem}`;

/** Keys that hold a secret, wherever they stand: `password`, `apiKey`, `accessToken`, `clientSecret`. */
export const isSecretKey = (key: string): boolean => /(password|secret|token|apikey|privatekey)$/i.test(key);
