import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prepareAsterisk, type RunningAsterisk, startAsterisk } from "../../deploy/engines/asterisk.ts";
import { writeWav } from "../../src/audio/wav.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Engine } from "../../src/call/engine.ts";
import { createAsterisk } from "../../src/engines/asterisk/engine.ts";
import { type AsteriskOptions, asteriskOptions } from "../../src/engines/asterisk/options.ts";
import { type CallWishes, type EngineHarness, type KeyMethod, MENU_HZ, SALES_HZ, type TestCaller } from "./contract.ts";
import { Wire } from "./cut.ts";
import { freePort } from "./free-port.ts";
import { callerOf } from "./real-caller.ts";
import { SipPhone } from "./sip-phone.ts";

// Phones by their address: one kind of line each.
const ADDRESSES = { usual: "127.0.0.2", inband: "127.0.0.3", internal: "127.0.0.4" };

const pjsip = Object.entries(ADDRESSES)
  .map(
    ([name, address]) => `
[test-${name}](sidetone-endpoint)
context=${name === "internal" ? "sidetone-internal" : "sidetone-in"}
allow=!all,ulaw,g722
incoming_call_offer_pref=remote_first
trust_id_inbound=yes
media_address=127.0.0.1
bind_rtp_to_media_address=yes
${name === "inband" ? "dtmf_mode=inband" : ""}
[test-${name}]
type=identify
endpoint=test-${name}
match=${address}`,
  )
  .join("\n");

const extensions = `
[test-targets]
exten => sales,1,Answer()
 same => n,Playtones(${SALES_HZ})
 same => n,Wait(30)
`;

/** The real Asterisk with the shipped dialplan. */
export class RealAsterisk implements EngineHarness {
  readonly name: string;
  readonly keyMethods: readonly KeyMethod[] = ["rfc4733", "info", "inband"];
  readonly #media: "websocket" | "audiosocket";
  #audiosocketPort = 0;
  #pbx: RunningAsterisk | undefined;
  #wire: Wire | undefined;
  #wirePort = 0;
  #prompts = "";

  constructor(media: "websocket" | "audiosocket") {
    this.name = `the real Asterisk, by ${media}`;
    this.#media = media;
  }

  get pbx(): RunningAsterisk {
    if (!this.#pbx) throw new Error("Asterisk is not running");
    return this.#pbx;
  }

  async start(): Promise<void> {
    this.#audiosocketPort = await freePort();
    this.#prompts = await mkdtemp(join(tmpdir(), "sidetone-tones-"));
    const menu = Int16Array.from({ length: 8000 * 20 }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * MENU_HZ * index) / 8000)),
    );
    await writeFile(join(this.#prompts, "menu.wav"), writeWav({ rate: 8000, channels: [menu] }));
    this.#pbx = await startAsterisk({
      install: await prepareAsterisk(),
      sounds: this.#prompts,
      globals: {
        SIDETONE_TARGET_SALES: "Local/sales@test-targets/n",
        SIDETONE_MEDIA: this.#media,
        SIDETONE_AUDIOSOCKET: `127.0.0.1:${this.#audiosocketPort}`,
        SIDETONE_AUDIOSOCKET_WIDEBAND: "yes",
      },
      extra: { "pjsip.conf": pjsip, "extensions.conf": extensions },
    });
    this.#wire = new Wire(this.#pbx.ports.http);
    this.#wirePort = await this.#wire.open();
  }

  async stop(): Promise<void> {
    await this.#wire?.close();
    await this.#pbx?.stop();
    await rm(this.#prompts, { recursive: true, force: true });
  }

  get options(): AsteriskOptions {
    const { ari, ami } = this.pbx;
    return asteriskOptions.parse({
      ari: { ...ari, url: `ws://127.0.0.1:${this.#wirePort}` },
      ami,
      audiosocket: { port: this.#audiosocketPort },
    });
  }

  createEngine(): Engine {
    return createAsterisk(this.options, { clock: systemClock, log: silentLog });
  }

  async placeCall(wishes: CallWishes & { internal?: boolean }): Promise<TestCaller> {
    const { codec = "ulaw", from = "100", fromName = "", to = "3000", diversion } = wishes;
    const phone = await SipPhone.dial({
      port: this.pbx.ports.sip,
      host: wishes.internal ? ADDRESSES.internal : wishes.keys === "inband" ? ADDRESSES.inband : ADDRESSES.usual,
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
    this.#wire?.cut("/ari/events");
  }

  async channels(): Promise<number> {
    return Number(/(\d+) active channel/.exec(await this.pbx.cli("core show channels count"))?.[1] ?? -1);
  }
}
