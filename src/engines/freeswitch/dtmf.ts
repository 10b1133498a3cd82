import type { LegEvent } from "../../call/engine.ts";
import type { EslEvent } from "./esl/event.ts";
import { VARIABLE, variableIn } from "./variables.ts";

// What FreeSWITCH counts durations in, whatever the codec.
const SAMPLES_PER_MS = 8;
const INBAND = "INBAND_AUDIO";

/** Whether this trunk's keys come as tones: told by the dialplan, else taken from the offer, which then has no telephone-event. */
export function keysAreTones(data: ReadonlyMap<string, string>): boolean {
  const told = variableIn(data, VARIABLE.inband);
  if (told === "true" || told === "false") return told === "true";
  const offer = variableIn(data, "switch_r_sdp");
  return offer !== "" && !/a=rtpmap:\d+ telephone-event\//i.test(offer);
}

/** One call's keys. Where they come by signalling or RTP, a tone in the sound is none, or each would count twice. */
export class Keys {
  #signalled = false;

  /** Undefined: no key, or one that was told already. */
  read(event: EslEvent): LegEvent | undefined {
    const digit = event.get("DTMF-Digit");
    const inband = event.get("DTMF-Source") === INBAND;
    if (!/^[0-9*#A-D]$/.test(digit) || (inband && this.#signalled)) return undefined;
    if (!inband) this.#signalled = true;
    return { type: "dtmf", digit, durationMs: Math.round(Number(event.get("DTMF-Duration")) / SAMPLES_PER_MS) || 0 };
  }
}
