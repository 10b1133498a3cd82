/** Files that are played as one: three seconds. */
const RUN_FILES = 30;
// `file_string` puts 250 ms of silence before the first file of its list if that can be opened. So this one never can:
// FreeSWITCH says so in its log, once a run, and begins with the next at once.
const NOT_THERE = "sidetone-begins-without-a-pause.r8";
// A run that was asked for and has not begun so long after it should, or not ended, is believed in no more.
const FORGET_MS = 1000;

export interface WrittenFile {
  readonly name: string;
  readonly ms: number;
}

/**
 * Some files in a row as one `playback` of `file_string`, which opens each of them only when it is its turn: all but the
 * first may be written while it plays. With each playback that begins, and with each that ends, FreeSWITCH drops a packet
 * of the caller's; a file each would cost two of every five. mod_audio_stream numbers its files, so that names are known.
 */
export class FileRun {
  readonly argument: string;
  readonly #names: readonly string[];
  readonly #written: WrittenFile[] = [];
  readonly #askedMs: number;
  #startedMs: number | undefined;
  /** It was broken off by us: nothing of it is to be played again. */
  broken = false;

  constructor(first: WrittenFile, nowMs: number) {
    this.#names = namesFrom(first.name);
    this.argument = this.#names.length === 1 ? first.name : `file_string://${[NOT_THERE, ...this.#names].join("!")}`;
    this.#askedMs = nowMs;
    this.#written.push(first);
  }

  /** Takes the file if it is the next of this run. */
  takes(file: WrittenFile): boolean {
    if (this.broken || this.#names[this.#written.length] !== file.name) return false;
    this.#written.push(file);
    return true;
  }

  started(nowMs: number): void {
    this.#startedMs = nowMs;
  }

  /** How many of its files are written and not played through. */
  waiting(nowMs: number): number {
    return this.unplayed(this.#startedMs === undefined ? 0 : nowMs - this.#startedMs).length;
  }

  /** The written files that are not through when so much of it has been played. */
  unplayed(playedMs: number): readonly WrittenFile[] {
    let endMs = 0;
    return this.#written.filter(({ ms }) => {
      endMs += ms;
      return endMs > playedMs;
    });
  }

  /** When all that is written will have been played; undefined before it has begun. */
  get endMs(): number | undefined {
    if (this.#startedMs === undefined) return undefined;
    return this.#written.reduce((sum, { ms }) => sum + ms, this.#startedMs);
  }

  /** Nobody has told how it went, for too long. */
  forgotten(nowMs: number): boolean {
    return nowMs > (this.endMs ?? this.#askedMs) + FORGET_MS;
  }
}

/** This file, and those that the module will write after it. */
function namesFrom(name: string): string[] {
  const [, before = "", number = "", after = ""] = /^(.*_)(\d{1,9})(\.tmp\.r\d+)$/.exec(name) ?? [];
  if (number === "") return [name];
  return Array.from({ length: RUN_FILES }, (_, index) => `${before}${Number(number) + index}${after}`);
}
