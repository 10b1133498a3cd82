/** The exit codes of every command, as `--help` lists them. */
export const EXIT = {
  /** It worked. */
  fine: 0,
  /** A configuration or a check has faults; they were told. */
  fault: 1,
  /** The command was used wrongly. */
  usage: 2,
  /** The port of the API is taken. */
  port: 3,
  /** The service does not answer. */
  silent: 4,
  /** A fault of Sidetone itself. */
  broken: 70,
} as const;

export const EXIT_HELP = `
Exit codes:
  0  it worked
  1  the configuration or a check has faults, or the command failed
  2  wrong usage
  3  the API's port is taken (server.port)
  4  the service does not answer
  70 Sidetone itself has a fault; please report it`;

/** Ends the command with a sentence and a code; main.ts prints the one and exits with the other. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT.fault) {
    super(message);
    this.exitCode = exitCode;
  }
}
