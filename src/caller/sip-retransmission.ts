import type { Clock, Timer } from "../base/clock.ts";

/** The timers of RFC 3261 (section 17, table 4) that an unreliable transport needs. */
const T1_MS = 500;
const T2_MS = 4_000;
const GIVE_UP_MS = 64 * T1_MS;
/** How long answers and acknowledgements are remembered for whoever asks again. */
const REMEMBER_MS = 32_000;
const MAX_REMEMBERED = 1_000;

export interface Retransmission {
  /** Sends, and sends again until it is answered, or acknowledged, or 32 s have passed. */
  send(text: string): void;
  /** False: it came a second time, and has been dealt with here. */
  received(text: string): boolean;
  close(): void;
}

interface Pending {
  readonly text: string;
  readonly maxIntervalMs: number;
  intervalMs: number;
  elapsedMs: number;
  timer: Timer;
}

/**
 * What sip.js leaves out because websockets do not need it: requests and final answers to INVITE are repeated until the far
 * end reacts (timers A, E, G), and repeated requests and answers of the far end are answered from memory (timers D, I, J, K).
 */
export function createRetransmission({
  clock,
  transmit,
}: {
  clock: Clock;
  transmit: (text: string) => void;
}): Retransmission {
  const pending = new Map<string, Pending>();
  const remembered = new Map<string, { text: string; untilMs: number }>();

  const stop = (key: string): void => {
    pending.get(key)?.timer.cancel();
    pending.delete(key);
  };
  const repeat = (key: string, text: string, maxIntervalMs: number): void => {
    stop(key);
    const again = (): void => {
      entry.elapsedMs += entry.intervalMs;
      if (entry.elapsedMs >= GIVE_UP_MS) {
        stop(key);
        return;
      }
      transmit(entry.text);
      entry.intervalMs = Math.min(entry.intervalMs * 2, entry.maxIntervalMs);
      entry.timer = clock.after(entry.intervalMs, again);
    };
    const timer = clock.after(T1_MS, again);
    const entry: Pending = { text, maxIntervalMs, intervalMs: T1_MS, elapsedMs: 0, timer };
    pending.set(key, entry);
  };
  const remember = (key: string, text: string): void => {
    remembered.delete(key);
    remembered.set(key, { text, untilMs: clock.now() + REMEMBER_MS });
    for (const [old, { untilMs }] of remembered) {
      if (untilMs > clock.now() && remembered.size <= MAX_REMEMBERED) break;
      remembered.delete(old);
    }
  };
  const sendAgain = (key: string): boolean => {
    const known = remembered.get(key);
    if (!known || known.untilMs <= clock.now()) return false;
    transmit(known.text);
    return true;
  };

  return {
    send(text) {
      const { status, method, branch } = summaryOf(text);
      transmit(text);
      if (status === undefined) {
        // An ACK of a refusal bears its INVITE's branch, and is sent again when the refusal comes again.
        if (method === "ACK") remember(`ack ${branch}`, text);
        else repeat(`request ${branch} ${method}`, text, method === "INVITE" ? Number.POSITIVE_INFINITY : T2_MS);
        return;
      }
      if (status < 200) return;
      // sip.js repeats the 2xx of an INVITE by itself: that is the dialog's affair.
      if (method === "INVITE" && status < 300) return;
      if (method === "INVITE") repeat(`refusal ${branch}`, text, T2_MS);
      remember(`response ${branch} ${method}`, text);
    },
    received(text) {
      const { status, method, branch } = summaryOf(text);
      if (status === undefined) {
        if (method === "ACK") stop(`refusal ${branch}`);
        return method === "ACK" || !sendAgain(`response ${branch} ${method}`);
      }
      const key = `request ${branch} ${method}`;
      if (method === "INVITE" || status >= 200) stop(key);
      else slowDown(pending.get(key));
      return !(method === "INVITE" && status >= 300 && sendAgain(`ack ${branch}`));
    },
    close() {
      for (const key of [...pending.keys()]) stop(key);
      remembered.clear();
    },
  };
}

/** A provisional answer shows that the request has come: from now on only the final answer can get lost. */
const slowDown = (entry: Pending | undefined): void => {
  if (entry) entry.intervalMs = T2_MS;
};

/** `status` is undefined for requests. The branch is that of the topmost Via: the transaction's name. */
function summaryOf(text: string): { status: number | undefined; method: string; branch: string } {
  const [, status] = /^SIP\/2\.0 (\d{3})/.exec(text) ?? [];
  const [, branch = ""] = /^(?:Via|v)\s*:[^\r\n]*?;\s*branch=([^;,\s]+)/im.exec(text) ?? [];
  const [, method = ""] = /^CSeq\s*:\s*\d+\s+(\w+)/im.exec(text) ?? [];
  return { status: status === undefined ? undefined : Number(status), method, branch };
}
