import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Engine } from "../../src/call/engine.ts";
import { createAsterisk } from "../../src/engines/asterisk/engine.ts";
import { type AsteriskOptions, asteriskOptions } from "../../src/engines/asterisk/options.ts";
import { FakeAsterisk } from "../fakes/asterisk/fake-asterisk.ts";
import type { CallWishes, EngineHarness, KeyMethod, TestCaller } from "./contract.ts";
import { freePort } from "./free-port.ts";

/** The options that reach a fake. */
export const optionsFor = (pbx: FakeAsterisk, audiosocketPort = 9099): AsteriskOptions =>
  asteriskOptions.parse({
    ari: { url: `ws://127.0.0.1:${pbx.port}`, password: pbx.ariPassword },
    ami: { port: pbx.ami.port, password: pbx.amiPassword },
    audiosocket: { port: audiosocketPort },
  });

/** The fake in the engine contract. It knows keys only as Asterisk tells them, however they came. */
export class FakeHarness implements EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[] = ["rfc4733"];
  readonly pbx = new FakeAsterisk();
  readonly #media: "websocket" | "audiosocket";
  #audiosocketPort = 0;

  constructor(media: "websocket" | "audiosocket") {
    this.name = `the fake Asterisk, by ${media}`;
    this.#media = media;
  }

  async start(): Promise<void> {
    this.#audiosocketPort = await freePort();
    this.pbx.setGlobal("SIDETONE_MEDIA", this.#media);
    this.pbx.setGlobal("SIDETONE_AUDIOSOCKET", `127.0.0.1:${this.#audiosocketPort}`);
    await this.pbx.start();
  }

  stop(): Promise<void> {
    return this.pbx.stop();
  }

  createEngine(): Engine {
    return createAsterisk(optionsFor(this.pbx, this.#audiosocketPort), { clock: systemClock, log: silentLog });
  }

  async placeCall(wishes: CallWishes): Promise<TestCaller> {
    const call = this.pbx.dial(wishes);
    return {
      line: call.line,
      ended: call.ended,
      press: (digit) => call.press(digit),
      hold: () => call.hold(),
      unhold: () => call.unhold(),
      hangUp: () => call.hangUp(),
      suppressSilence: () => {
        call.silent = true;
      },
    };
  }

  cutControl(): void {
    this.pbx.cutAri();
  }

  async channels(): Promise<number> {
    return this.pbx.calls.length;
  }
}
