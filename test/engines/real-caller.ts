import type { KeyMethod, TestCaller } from "./contract.ts";
import type { SipPhone } from "./sip-phone.ts";

const KEYS = "123A456B789C*0#D";
const ROWS = [697, 770, 852, 941];
const COLUMNS = [1209, 1336, 1477, 1633];

/** A telephone as the engine contract knows callers. */
export function callerOf(phone: SipPhone): TestCaller {
  const press = (digit: string, method: KeyMethod): void => {
    const key = KEYS.indexOf(digit);
    if (method === "rfc4733") phone.pressEvent(digit);
    else if (method === "info") phone.pressInfo(digit);
    else phone.line.say(ROWS[Math.floor(key / 4)] ?? 0, 120, COLUMNS[key % 4]);
  };
  return {
    line: phone.line,
    ended: phone.ended,
    press,
    hold: () => phone.hold(),
    unhold: () => phone.unhold(),
    suppressSilence: () => {
      phone.silent = true;
    },
    hangUp: () => phone.hangUp(),
  };
}
