import { z } from "zod";

const ms = (what: string, min: number, max: number) => z.int().min(min).max(max).describe(what);

/** What every recogniser at the other end of a line has in its configuration. */
export const deadlineKeys = {
  connectMs: ms("A connection that takes longer has failed.", 100, 30_000).default(3000),
  firstByteMs: ms("A server that says nothing for so long, although somebody speaks, has failed.", 200, 30_000).default(
    2500,
  ),
  finalMs: ms(
    "The final words are there so long after the caller's pause, or the server has failed.",
    100,
    30_000,
  ).default(1000),
  stallMs: ms("A server that falls silent for so long while somebody speaks has failed.", 200, 30_000).default(1500),
};

export interface Deadlines {
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly finalMs: number;
  readonly stallMs: number;
}
