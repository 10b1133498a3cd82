import type { CallJournal, Claim, CourseEvent, JournalledCall } from "../../src/call/journal.ts";

/** A journal that is kept by nobody. */
export class FakeJournal implements CallJournal {
  readonly events: CourseEvent[] = [];
  /** What whoever asks for a call gets. */
  claimed: Claim = { type: "none" };
  ended = 0;

  readonly #writer = {
    write: (event: CourseEvent) => void this.events.push(event),
    end: () => void this.ended++,
  };

  begin(_call: JournalledCall, _agent: string) {
    return this.#writer;
  }

  async claim(_call: JournalledCall): Promise<Claim> {
    return this.claimed.type === "mine" ? { ...this.claimed, writer: this.#writer } : this.claimed;
  }
}
