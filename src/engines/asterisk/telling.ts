import type { Clock } from "../../base/clock.ts";
import { codeOf, messageOf } from "../../base/errors.ts";
import type { Log } from "../../base/log.ts";
import { withDeadline } from "../../base/signals.ts";
import type { Next } from "../../call/engine.ts";
import { handoverWords } from "../../call/handover.ts";
import type { AmiClient } from "./ami.ts";
import type { AriClient } from "./ari.ts";

export interface TellingOptions {
  readonly ari: Pick<AriClient, "request">;
  readonly ami: Pick<AmiClient, "setVariable">;
  readonly clock: Clock;
  readonly log: Log;
}

// A caller waits in silence for what is asked of Asterisk; one that answers later is as good as away.
const TELL_MS = 500;
// How long a word that could not be said is kept, for the second time that its call is offered.
const UNSAID_MS = 5000;

/** How the dialplan hears what comes after the agent; and what it could not be told. */
export class Telling {
  readonly #options: TellingOptions;
  readonly #unsaid = new Map<string, Next>();

  constructor(options: TellingOptions) {
    this.#options = options;
  }

  /** What the dialplan should have heard of this call, some seconds ago. */
  unsaid(call: string): Next | undefined {
    return this.#unsaid.get(call);
  }

  /** False: the dialplan does not know it. */
  async tell(call: string, next: Next): Promise<boolean> {
    const { clock } = this.#options;
    const message = "Asterisk's manager interface does not answer.";
    try {
      await withDeadline(() => this.#setNext(call, next), { clock, ms: TELL_MS, message });
      this.#unsaid.delete(call);
      return true;
    } catch (error) {
      // "No such channel": the caller is gone, and needs no next step.
      if (codeOf(error) === "refused" && /no such channel/i.test(messageOf(error))) return true;
      await this.#tellAnyhow(call, next, error);
      return next.next === "hangup";
    }
  }

  async #setNext(call: string, next: Next): Promise<void> {
    const reason = next.next === "hangup" ? "" : (next.reason ?? "");
    const name = next.next === "transfer" ? next.target : next.next;
    const words = next.next === "transfer" && next.handover ? handoverWords(next.handover) : {};
    await Promise.all([
      this.#options.ami.setVariable(call, "SIDETONE_REASON", reason),
      ...Object.entries(words).map(([word, value]) =>
        this.#options.ami.setVariable(call, `SIDETONE_${word.toUpperCase()}`, value),
      ),
      this.#options.ami.setVariable(call, "SIDETONE_NEXT", name),
    ]);
  }

  /** Without the manager interface a call can still be ended. All else goes to the menu, and is refused if it is offered again. */
  async #tellAnyhow(call: string, next: Next, cause: unknown): Promise<void> {
    this.#options.log.warn({ call, err: cause }, "the dialplan could not be told what comes next; it goes to its menu");
    if (next.next === "hangup") {
      const end = (): Promise<unknown> => this.#options.ari.request("DELETE", `channels/${call}`);
      await withDeadline(end, { clock: this.#options.clock, ms: TELL_MS, message: "" }).catch(() => {});
      return;
    }
    this.#unsaid.set(call, next);
    this.#options.clock.after(UNSAID_MS, () => this.#unsaid.delete(call));
  }
}
