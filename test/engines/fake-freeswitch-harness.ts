import { type Clock, systemClock } from "../../src/base/clock.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import type { Engine } from "../../src/call/engine.ts";
import type { RecordingStore } from "../../src/call/recording.ts";
import type { Siblings } from "../../src/call/siblings.ts";
import { createFreeswitch } from "../../src/engines/freeswitch/engine.ts";
import { type FreeswitchOptions, freeswitchOptions } from "../../src/engines/freeswitch/options.ts";
import { FakeFreeswitch } from "../fakes/freeswitch/fake-freeswitch.ts";
import type { KeySource } from "../fakes/freeswitch/lent-call.ts";
import type { CallWishes, EngineHarness, KeyMethod, TestCaller } from "./contract.ts";
import { freePort } from "./free-port.ts";

const SOURCES: Readonly<Record<KeyMethod, KeySource>> = { rfc4733: "RTP", info: "ENDPOINT", inband: "INBAND_AUDIO" };

export interface EngineWishes {
  readonly mode?: string;
  readonly password?: string;
  readonly clock?: Clock;
  readonly log?: Log;
  readonly recordings?: RecordingStore;
  readonly siblings?: Siblings;
}

/** The options that reach a fake, which lends its calls to them. */
export const optionsFor = (pbx: FakeFreeswitch, { mode = "auto", password }: EngineWishes = {}): FreeswitchOptions =>
  freeswitchOptions.parse({
    esl: { port: pbx.port, password: password ?? pbx.passwords.get("") },
    lend: { port: pbx.ports[0] },
    media: { mode },
  });

export function engineFor(pbx: FakeFreeswitch, wishes: EngineWishes = {}): Engine {
  const { clock = systemClock, log = silentLog, recordings, siblings } = wishes;
  const more = { ...(recordings && { recordings }), ...(siblings && { siblings }) };
  return createFreeswitch(optionsFor(pbx, wishes), { clock, log, ...more });
}

/** The fake in the engine contract. */
export class FakeFreeswitchHarness implements EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[] = ["rfc4733", "info", "inband"];
  readonly pbx = new FakeFreeswitch();
  readonly #mode: string;

  constructor(mode: "websocket" | "unicast") {
    this.name = `the fake FreeSWITCH, by ${mode}`;
    this.#mode = mode;
  }

  async start(): Promise<void> {
    this.pbx.ports = [await freePort()];
    await this.pbx.start();
  }

  stop(): Promise<void> {
    return this.pbx.stop();
  }

  createEngine(): Engine {
    return engineFor(this.pbx, { mode: this.#mode });
  }

  async placeCall(wishes: CallWishes): Promise<TestCaller> {
    const call = this.pbx.dial({ ...wishes, inbandOnly: wishes.keys === "inband" });
    return {
      line: call.line,
      ended: call.ended,
      press: (digit, method) => call.press(digit, SOURCES[method]),
      hold: () => call.hold(),
      unhold: () => call.unhold(),
      hangUp: () => call.hangUp(),
      // FreeSWITCH hands silence on where no packet comes.
      suppressSilence: () => {},
    };
  }

  cutControl(): void {
    this.pbx.cutInbound();
  }

  async channels(): Promise<number> {
    return this.pbx.calls.length;
  }
}
