import type { MediaStream } from "../audio/stream.ts";
import type { Log } from "../base/log.ts";
import type { Leg, Next } from "./engine.ts";

export interface CallRecord {
  /** A moment worth a line in the record: "media", "talking". */
  mark(what: string): void;
  /** The dialplan has the call again: what follows is not ours. */
  given?(next: Next): void;
  /** The finished record. Called once, after the call was given back. */
  close(next: Next): object;
}

export interface CallServices<Record extends CallRecord = CallRecord> {
  openRecord(leg: Leg): Record;
  /** Talks until the caller or the agent is done; throws only what nobody could mend. */
  converse(media: MediaStream, leg: Leg, record: Record): Promise<Next>;
  /** The dialplan has the call: resolves with what is known of where it went, when the record is to be closed. Never rejects. */
  given?(next: Next): Promise<Next> | undefined;
  saveRecord(record: object): Promise<void>;
  readonly log: Log;
}

/** One call, from the moment the dialplan lends it to the record of it. Whatever happens, the dialplan gets it back. */
export async function handleCall<Record extends CallRecord>(leg: Leg, services: CallServices<Record>): Promise<void> {
  const log = services.log.child({ leg: leg.id });
  let next: Next = { next: "menu", reason: "failure" };
  let media: MediaStream | undefined;
  let record: Record | undefined;
  try {
    record = services.openRecord(leg);
    next = { next: "menu", reason: "media" };
    media = await leg.openMedia();
    record.mark("media");
    next = { next: "menu", reason: "failure" };
    next = await services.converse(media, leg, record);
  } catch (error) {
    // The caller hears the menu; a caller who has hung up is no error.
    if (!leg.signal.aborted) log.error({ err: error }, "the call goes to the menu");
  } finally {
    if (leg.signal.aborted) next = { next: "hangup" };
    await giveBack(leg, next, log);
    media?.close();
    record?.given?.(next);
    // A record that waits for nothing is closed in the same moment: whoever drains the service may end it in the next.
    const known = services.given?.(next);
    if (record) await save(record.close(known ? await known : next), services, log);
  }
}

async function giveBack(leg: Leg, next: Next, log: Log): Promise<void> {
  try {
    await leg.giveBack(next);
  } catch (error) {
    // The dialplan goes on by itself when the media closes.
    log.error({ err: error }, "the call could not be given back");
  }
}

async function save(record: object, { saveRecord }: Pick<CallServices, "saveRecord">, log: Log): Promise<void> {
  try {
    await saveRecord(record);
  } catch (error) {
    log.error({ err: error }, "the record could not be saved");
  }
}
