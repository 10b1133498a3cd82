import { connect } from "node:net";
import { systemClock } from "../../src/base/clock.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import type { Engine } from "../../src/call/engine.ts";
import { createFreeswitch } from "../../src/engines/freeswitch/engine.ts";
import { type FreeswitchOptions, freeswitchOptions } from "../../src/engines/freeswitch/options.ts";
import type { CallWishes, EngineHarness, KeyMethod, TestCaller } from "./contract.ts";
import { Wire } from "./cut.ts";
import { freePort } from "./free-port.ts";
import { type Lab, type LabOptions, startLab } from "./freeswitch/lab.ts";
import { callerOf } from "./real-caller.ts";
import { SipPhone } from "./sip-phone.ts";

/** The real FreeSWITCH in the engine contract. */
export class RealFreeswitch implements EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[] = ["rfc4733", "info", "inband"];
  readonly #mode: string;
  readonly #lab: Partial<LabOptions>;
  #pbx: Lab | undefined;
  #wire: Wire | undefined;
  #eslPort = 0;
  #port = 0;

  constructor(mode: string, lab: Partial<LabOptions> = {}) {
    this.name = `the real FreeSWITCH, by ${mode}`;
    this.#mode = mode;
    this.#lab = lab;
  }

  get pbx(): Lab {
    if (!this.#pbx) throw new Error("FreeSWITCH is not running");
    return this.#pbx;
  }

  async start(): Promise<void> {
    this.#port = await freePort();
    this.#pbx = await startLab({ ports: [this.#port], ...this.#lab });
    this.#wire = new Wire(this.#pbx.esl);
    this.#eslPort = await this.#wire.open();
  }

  async stop(): Promise<void> {
    await this.#wire?.close();
    await this.#pbx?.stop();
  }

  get options(): FreeswitchOptions {
    return freeswitchOptions.parse({
      esl: { port: this.#eslPort, password: this.pbx.password },
      lend: { port: this.#port },
      media: { mode: this.#mode },
    });
  }

  createEngine(log: Log = silentLog): Engine {
    return createFreeswitch(this.options, { clock: systemClock, log });
  }

  async placeCall(wishes: CallWishes): Promise<TestCaller> {
    const { codec = "ulaw", from = "100", fromName = "", to = "3000", diversion } = wishes;
    const phone = await SipPhone.dial({
      port: this.pbx.sip,
      host: "127.0.0.1",
      from,
      fromName,
      to,
      codec,
      inbandOnly: wishes.keys === "inband",
      headers: diversion ? [`Diversion: <sip:${diversion}@127.0.0.1>;reason=unconditional`] : [],
    });
    const status = await phone.answered;
    if (status !== 200) throw new Error(`the PBX answered ${status}`);
    return callerOf(phone);
  }

  cutControl(): void {
    this.#wire?.cut("");
  }

  /** Over a connection of its own. */
  async channels(): Promise<number> {
    const answer = await this.ask("show channels count");
    return Number(/(\d+) total/.exec(answer)?.[1] ?? -1);
  }

  ask(command: string): Promise<string> {
    const { esl, password } = this.pbx;
    return new Promise((resolve, reject) => {
      const socket = connect(esl, "127.0.0.1");
      let text = "";
      socket.on("error", reject);
      socket.on("data", (data) => {
        text += data;
      });
      socket.on("close", () => resolve(/Content-Length: \d+\n\n([\s\S]*?)(?:Content-Type|$)/.exec(text)?.[1] ?? ""));
      socket.write(`auth ${password}\n\napi ${command}\n\nexit\n\n`);
    });
  }
}
