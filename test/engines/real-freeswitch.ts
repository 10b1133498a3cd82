import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReachableFreeswitch } from "../../deploy/engines/freeswitch.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { type Log, silentLog } from "../../src/base/log.ts";
import type { Engine } from "../../src/call/engine.ts";
import { createFreeswitch } from "../../src/engines/freeswitch/engine.ts";
import { type FreeswitchOptions, freeswitchOptions } from "../../src/engines/freeswitch/options.ts";
import { SipPeer } from "../asterisk/sip-peer.ts";
import { NUMBER, openFreeswitch } from "../freeswitch/open.ts";
import { type CallWishes, type EngineHarness, type KeyMethod, MENU_HZ, SALES_HZ, type TestCaller } from "./contract.ts";
import { Wire } from "./cut.ts";
import { callerOf } from "./real-caller.ts";
import { SipPhone } from "./sip-phone.ts";

// Whatever is dialled is the agent's, but "alaw" takes A-law alone, and "kept" waits; the target "sales" is a tone.
const dialplan = `
<context name="test">
  <extension name="sales"><condition field="destination_number" expression="^sales$">
    <action application="answer"/>
    <action application="playback" data="tone_stream://%(30000,0,${SALES_HZ})"/>
  </condition></extension>
  <extension name="kept"><condition field="destination_number" expression="^kept$">
    <action application="answer"/>
    <action application="park"/>
  </condition></extension>
  <extension name="alaw"><condition field="destination_number" expression="^alaw$">
    <action application="set" data="sidetone_codecs=PCMA"/>
    <action application="transfer" data="3000 XML sidetone"/>
  </condition></extension>
  <extension name="agent"><condition field="destination_number" expression="^(.+)$">
    <action application="transfer" data="$1 XML sidetone"/>
  </condition></extension>
</context>`;

/** The real FreeSWITCH with the shipped files in the engine contract. Sidetone logs in as its own user, who may do little. */
export class RealFreeswitch implements EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[] = ["rfc4733", "info", "inband"];
  readonly #mode: string;
  #pbx: ReachableFreeswitch | undefined;
  #wire: Wire | undefined;
  #eslPort = 0;
  #prompts = "";
  /** Stands for the target "sales" where FreeSWITCH has only its own dialplan. */
  #sales: SipPeer | undefined;

  constructor(mode: string) {
    this.name = `the real FreeSWITCH, by ${mode}`;
    this.#mode = mode;
  }

  get pbx(): ReachableFreeswitch {
    if (!this.#pbx) throw new Error("FreeSWITCH is not running");
    return this.#pbx;
  }

  async start(): Promise<void> {
    this.#prompts = await mkdtemp(join(tmpdir(), "sidetone-tones-"));
    const menu = Int16Array.from({ length: 8000 * 20 }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * MENU_HZ * index) / 8000)),
    );
    await writeFile(join(this.#prompts, "menu.wav"), writeWav({ rate: 8000, channels: [menu] }));
    this.#pbx = await openFreeswitch({
      sounds: this.#prompts,
      globals: { sidetone_target_sales: "loopback/sales/test" },
      dialplan,
      trunkSettings: { context: "test", "inbound-codec-prefs": "PCMU,PCMA,G722,L16@16000h" },
    });
    if (this.#pbx.attached) await this.#standInForSales(this.#pbx);
    this.#wire = new Wire(this.#pbx.ports.esl);
    this.#eslPort = await this.#wire.open();
  }

  async stop(): Promise<void> {
    await this.#wire?.close();
    await this.#sales?.close();
    await this.#pbx?.stop();
    await rm(this.#prompts, { recursive: true, force: true });
  }

  get options(): FreeswitchOptions {
    const { esl, ports } = this.pbx;
    return freeswitchOptions.parse({
      esl: { ...esl, port: this.#eslPort },
      lend: { port: ports.lend[0] },
      media: { mode: this.#mode },
    });
  }

  /** What is dialled for the agent. */
  get number(): string {
    return this.pbx.attached ? NUMBER : "3000";
  }

  /** Where `uuid_transfer` finds sales: an extension, a dialplan and a context. */
  get sales(): string {
    return this.pbx.attached ? "sidetone-next-sales XML sidetone" : "sales XML test";
  }

  createEngine(log: Log = silentLog): Engine {
    return createFreeswitch(this.options, { clock: systemClock, log });
  }

  async placeCall(wishes: CallWishes): Promise<TestCaller> {
    const { codec = "ulaw", from = "100", fromName = "", to = this.number, diversion } = wishes;
    // Its dialplan does not know this number; what the dialplan looks at is the same.
    const own = to === "alaw" && this.pbx.attached;
    if (own) await this.pbx.cli("global_setvar sidetone_codecs=PCMA");
    const { trunkHost, ports } = this.pbx;
    const phone = await SipPhone.dial({
      port: ports.trunk,
      host: trunkHost,
      pbx: trunkHost,
      from,
      fromName,
      to: own ? this.number : to,
      codec,
      inbandOnly: wishes.keys === "inband",
      headers: diversion ? [`Diversion: <sip:${diversion}@127.0.0.1>;reason=unconditional`] : [],
    });
    const status = await phone.answered;
    if (own) await this.pbx.cli("global_setvar sidetone_codecs=");
    if (status !== 200) throw new Error(`the PBX answered ${status}`);
    return callerOf(phone);
  }

  async #standInForSales(pbx: ReachableFreeswitch): Promise<void> {
    const sales = await SipPeer.open(0);
    sales.say(SALES_HZ);
    this.#sales = sales;
    await pbx.cli(`global_setvar sidetone_target_sales=sofia/${pbx.trunkProfile}/sip:sales@127.0.0.1:${sales.port}`);
  }

  cutControl(): void {
    this.#wire?.cut("");
  }

  async channels(): Promise<number> {
    return Number(/(\d+) total/.exec(await this.pbx.cli("show channels count"))?.[1] ?? -1);
  }
}
