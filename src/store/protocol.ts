import type { Cdr, CdrChange, CdrTurn } from "../call/cdr.ts";
import type { Remembered } from "../call/memory.ts";
import type { ClaimOptions, Claims, Settled } from "./outbox.ts";
import type { Expired, KeepDays } from "./retention.ts";

export interface RecordThreadData {
  readonly dir: string;
  readonly owner: string;
}

/** What the thread that writes is told. Each is answered by one "done", in their order. */
export type ToRecordThread =
  | { readonly type: "open"; readonly handle: number; readonly cdr: Cdr }
  | { readonly type: "change"; readonly handle: number; readonly change: CdrChange; readonly turn?: CdrTurn }
  | { readonly type: "retry" }
  | { readonly type: "closeLost" }
  | { readonly type: "remember"; readonly number: string; readonly agent: string; readonly text: string }
  | { readonly type: "recall"; readonly number: string; readonly days: number }
  | { readonly type: "expire"; readonly keepDays: KeepDays }
  | { readonly type: "claim"; readonly options: Omit<ClaimOptions, "owner" | "nowMs"> }
  | { readonly type: "settle"; readonly seq: number; readonly settled: Settled };

export type FromRecordThread =
  | {
      readonly type: "done";
      /** Why the disk did not take it; what is to be written is kept. */
      readonly failed?: { readonly code: string; readonly message: string };
      /** Records that wait for the disk. */
      readonly waiting: number;
      readonly lost?: number;
      readonly recalled?: readonly Remembered[];
      readonly expired?: Expired;
      readonly claims?: Claims;
    }
  | { readonly type: "setAside"; readonly file: string }
  | { readonly type: "dropped" };
