import { readFileSync } from "node:fs";
import { join } from "node:path";

const FOLDER = join(import.meta.dirname, "../../../fixtures/esl");

export type CaptureName =
  | "inbound_plain"
  | "outbound_async_full_plain"
  | "outbound_async_full_json_caller_hangup"
  | "outbound_errors";

interface Piece {
  readonly from: "us" | "freeswitch";
  readonly bytes: Buffer;
}

/** A recorded session with a FreeSWITCH 1.11.3, piece by piece as it crossed the wire. */
export function captureOf(name: CaptureName): Piece[] {
  const file = readFileSync(join(FOLDER, `${name}.txt`));
  const pieces: Piece[] = [];
  for (let at = 0; at < file.length; ) {
    const end = file.indexOf("\n", at);
    const [, side, length] = /^([<>]) @\S+ (\d+) bytes$/.exec(file.toString("latin1", at, end)) ?? [];
    if (side === undefined) throw new Error(`${name}.txt has no piece at byte ${at}`);
    const bytes = file.subarray(end + 1, end + 1 + Number(length));
    pieces.push({ from: side === ">" ? "us" : "freeswitch", bytes });
    at = end + 1 + bytes.length;
    if (bytes.at(-1) !== 10) at++;
  }
  return pieces;
}

/** What FreeSWITCH said in a session, in one piece. */
export const saidIn = (name: CaptureName): Buffer =>
  Buffer.concat(
    captureOf(name)
      .filter(({ from }) => from === "freeswitch")
      .map(({ bytes }) => bytes),
  );
