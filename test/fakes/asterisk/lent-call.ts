import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { connect, type Socket } from "node:net";
import { type Clock, systemClock } from "../../../src/base/clock.ts";
import { Line } from "../../engines/line.ts";
import { decodeMulaw } from "../../engines/mulaw.ts";
import type { FakeAsterisk } from "./fake-asterisk.ts";
import type { FakeMedia } from "./fake-media.ts";

export interface DialOptions {
  readonly codec?: "ulaw" | "g722";
  readonly from?: string;
  readonly fromName?: string;
  readonly to?: string;
  readonly diversion?: string;
  /** Somebody else moves the sound, who has many calls to move: the call's own 20 ms clock stands still. */
  readonly moved?: boolean;
  /** So long a worker has for connecting, where it is not the dialplan's half second. */
  readonly offeredMs?: number;
}

const MENU_HZ = 1000;
const OFFERED_MS = 500;
const TARGETS: Readonly<Record<string, number>> = { menu: MENU_HZ, sales: 600 };

/**
 * A caller and the dialplan that serves the call, as the shipped one does: heartbeat looked at, lent for half a second,
 * next step by name, else the menu. The menu is a tone of 1,000 Hz, "sales" one of 600 Hz.
 */
export class LentCall {
  readonly id: string;
  readonly mediaChannel: string;
  readonly connection = randomUUID();
  readonly line = new Line();
  readonly ended: Promise<void>;
  readonly variables = new Map<string, string>();
  readonly options: DialOptions;
  /** Where the call is in the dialplan: "lent", "menu", the target's name, or "gone". */
  place = "";
  silent = false;
  held = false;
  media: FakeMedia | undefined;
  readonly #pbx: FakeAsterisk;
  readonly #clock: Clock = systemClock;
  readonly #changes = new EventEmitter();
  readonly #ticking: { cancel(): void };
  #tone = 0;
  #phase = 0;

  constructor(pbx: FakeAsterisk, options: DialOptions, serial: number) {
    this.#pbx = pbx;
    this.options = options;
    this.id = `1795360000.${serial}`;
    this.mediaChannel = `1795360000.${serial + 1}`;
    this.ended = once(this.#changes, "gone").then(() => {});
    this.variables.set("SIDETONE_RATE", options.codec ?? "ulaw");
    this.variables.set("CHANNEL(audioreadformat)", options.codec ?? "ulaw");
    this.variables.set("CHANNEL(linkedid)", this.id);
    this.variables.set("CALLERID(dnid)", options.to ?? "3000");
    this.variables.set("SIDETONE_TRUNK", "fake-trunk");
    this.#ticking = options.moved ? { cancel: () => {} } : this.#clock.every(20, () => this.#tick());
  }

  /** Whether the media channel waits for somebody to connect. */
  get waiting(): boolean {
    return this.place === "lent" && this.media === undefined;
  }

  get wideband(): boolean {
    return this.options.codec === "g722";
  }

  /** Runs the dialplan for this call. */
  async run(): Promise<void> {
    const age = Math.floor(this.#clock.wall() / 1000) - Number(this.#pbx.globals.get("SIDETONE_BEAT") ?? 0);
    if (age > 2) return this.#go("menu");
    this.place = "lent";
    if (this.#pbx.globals.get("SIDETONE_MEDIA") === "audiosocket") await this.#dialAudioSocket();
    else await this.#dialWebsocket();
    if (this.place === "gone") return;
    const next = this.variables.get("SIDETONE_NEXT") ?? "";
    if (next === "hangup") this.hangUp(16);
    else this.#go(TARGETS[next] === undefined ? "menu" : next);
  }

  /** Somebody has connected to the media id: the Dial is answered. */
  answer(media: FakeMedia): void {
    this.media = media;
    this.#changes.emit("answered");
  }

  /** The media channel has ended, whoever ended it. */
  mediaEnded(): void {
    this.#changes.emit("mediaEnded");
  }

  hangUp(cause = 16): void {
    if (this.place === "gone") return;
    this.place = "gone";
    this.#ticking.cancel();
    this.#pbx.event({ type: "ChannelHangupRequest", cause, channel: this.channel() });
    this.media?.end();
    this.mediaEnded();
    this.#pbx.event({ type: "ChannelDestroyed", cause, cause_txt: "Normal Clearing", channel: this.channel() });
    this.#pbx.forget(this);
    this.#changes.emit("gone");
  }

  /** ARI tells the key at the caller's channel, and the media connection tells it too. */
  /** The same offer, told once more. */
  offerAgain(): void {
    this.#announce(this.connection, "websocket");
  }

  press(digit: string): void {
    this.#pbx.event({ type: "ChannelDtmfReceived", digit, duration_ms: 100, channel: this.channel() });
    this.media?.digit(digit);
  }

  hold(): void {
    this.held = true;
    this.#pbx.event({ type: "ChannelHold", musicclass: "default", channel: this.channel() });
  }

  unhold(): void {
    this.held = false;
    this.#pbx.event({ type: "ChannelUnhold", channel: this.channel() });
  }

  /** PlayDTMF at this channel. */
  hearDigit(digit: string): void {
    this.line.digits += digit;
  }

  channel(): object {
    const { from = "100", fromName = "", to = "3000", diversion = "" } = this.options;
    const lending = `WebSocket/INCOMING/c(slin)f(json),0.5,gr(0/1000)b(sidetone-lend^s^1(${this.id}^1^))`;
    return {
      id: this.id,
      name: `PJSIP/fake-${this.id}`,
      state: "Up",
      caller: { name: fromName, number: from },
      connected: { name: "", number: "" },
      dialplan: { context: "sidetone-in", exten: to, priority: 7, app_name: "Dial", app_data: lending },
      language: "en",
      caller_rdnis: diversion,
    };
  }

  /** The media channel while it is there. */
  mediaChannelObject(): object {
    const state = this.waiting ? "Down" : "Up";
    return {
      id: this.mediaChannel,
      name: `WebSocket/INCOMING/${this.id}`,
      state,
      caller: {},
      dialplan: {},
      language: "en",
    };
  }

  async #dialWebsocket(): Promise<void> {
    this.#announce(this.connection, "websocket");
    const answered = once(this.#changes, "answered").then(() => true);
    const ended = once(this.#changes, "mediaEnded").then(() => false);
    const tooLate = this.#clock.sleep(this.options.offeredMs ?? OFFERED_MS).then(() => false);
    if (await Promise.race([answered, ended, tooLate])) await ended;
    this.media?.end();
    this.media = undefined;
  }

  async #dialAudioSocket(): Promise<void> {
    this.#announce(this.connection, "audiosocket");
    const [host = "", port] = (this.#pbx.globals.get("SIDETONE_AUDIOSOCKET") ?? "").split(":");
    const socket: Socket = connect(Number(port), host);
    const closed = new Promise<void>((resolve) => socket.on("close", () => resolve()));
    socket.on("error", () => {});
    socket.on("connect", () => this.answer(this.#pbx.audioSocketMedia(this, socket)));
    void once(this.#changes, "mediaEnded").then(() => socket.destroy());
    await closed;
    this.media = undefined;
  }

  #announce(media: string, kind: string): void {
    const userevent = { eventname: "SidetoneMedia", media, call: this.id, attempt: "1", kind };
    this.#pbx.event({
      type: "ChannelUserevent",
      eventname: "SidetoneMedia",
      userevent,
      channel: this.mediaChannelObject(),
    });
  }

  #go(place: string): void {
    this.place = place;
    this.#tone = TARGETS[place] ?? 0;
  }

  /** Asterisk's 20 ms: what the caller says goes up, what the agent said comes down. */
  #tick(): void {
    const talking = this.line.talking;
    const payload = this.line.next();
    if (this.media) {
      const pcm = Int16Array.from(payload, decodeMulaw);
      if (!this.silent || talking) this.media.toController(this.wideband ? doubled(pcm) : pcm);
      const sound = this.media.nextFrame();
      if (sound) this.line.heardSamples(this.wideband ? sound.filter((_, index) => index % 2 === 0) : sound);
    } else if (this.#tone > 0) this.line.heardSamples(this.#beep());
  }

  #beep(): Int16Array {
    return Int16Array.from({ length: 160 }, () => 8000 * Math.sin((2 * Math.PI * this.#tone * this.#phase++) / 8000));
  }
}

const doubled = (pcm: Int16Array): Int16Array => Int16Array.from({ length: 320 }, (_, index) => pcm[index >> 1] ?? 0);
