import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import { connect } from "node:net";
import { systemClock } from "../../../src/base/clock.ts";
import { Line } from "../../engines/line.ts";
import { decodeMulaw } from "../../engines/mulaw.ts";
import { type Controlled, EventSocket } from "./event-socket.ts";
import type { FakeFreeswitch } from "./fake-freeswitch.ts";
import { FakeSound } from "./sound.ts";

export interface DialOptions {
  readonly codec?: "ulaw" | "g722";
  readonly from?: string;
  readonly fromName?: string;
  readonly to?: string;
  readonly diversion?: string;
  /** The offer has no telephone-event. */
  readonly inbandOnly?: boolean;
  readonly variables?: Readonly<Record<string, string>>;
}

export type KeySource = "RTP" | "ENDPOINT" | "INBAND_AUDIO";

const TARGETS: Readonly<Record<string, number>> = { menu: 1000, sales: 600, elsewhere: 800 };
const APPLICATIONS = ["answer", "set", "start_dtmf", "spandsp_start_dtmf", "playback", "hangup"];

/**
 * A caller, and the dialplan that serves the call as the shipped one does: the timer is armed, the call is lent to the
 * first address where somebody listens, and goes by the name that was left, else to the menu. The menu is a tone of
 * 1,000 Hz, "sales" one of 600 Hz.
 */
export class LentCall implements Controlled {
  readonly uuid = randomUUID();
  readonly line = new Line();
  readonly variables: Map<string, string>;
  readonly options: DialOptions;
  readonly sound: FakeSound;
  readonly ended: Promise<void>;
  /** What records this channel, and whether that is masked. */
  readonly recordings = new Map<string, boolean>();
  /** Where the call is: "lent", "parked" (a controller died and nothing resumes), "menu", a target, or "gone". */
  place = "";
  session: EventSocket | undefined;
  /** How often `socket` was run for it. */
  offers = 0;
  readonly #pbx: FakeFreeswitch;
  readonly #changes = new EventEmitter();
  readonly #ticking: { cancel(): void };
  /** A detector of tones runs. */
  detects = false;
  #phase = 0;

  constructor(pbx: FakeFreeswitch, options: DialOptions) {
    this.#pbx = pbx;
    this.options = options;
    this.variables = new Map(Object.entries({ sidetone_trunk: "fake-trunk", ...options.variables }));
    this.ended = once(this.#changes, "gone").then(() => {});
    this.sound = new FakeSound({
      uuid: this.uuid,
      rate: this.wideband ? 16_000 : 8000,
      loaded: pbx.modules.has("mod_audio_stream"),
      sendsSilence: Number(this.variables.get("send_silence_when_idle") ?? 0) !== 0,
      onEvent: ({ name, headers, body }) =>
        name.includes("::")
          ? this.tell("CUSTOM", { ...headers, "Event-Subclass": name }, body)
          : this.tell(name, headers, body),
      onPacket: (pcm) => this.line.heardSamples(this.wideband ? pcm.filter((_, index) => index % 2 === 0) : pcm),
    });
    this.sound.say = () => this.#said();
    this.#ticking = systemClock.every(20, () => this.#tick());
  }

  get wideband(): boolean {
    return this.options.codec === "g722";
  }

  /** Runs the dialplan for this call. */
  async run(): Promise<void> {
    for (const [name, value] of [
      ["sidetone_ticket", randomUUID()],
      ["sidetone_attempt", "1"],
      ["sidetone_deadman", "sidetone-menu XML public"],
      ["socket_resume", "true"],
    ] as const)
      if (!this.variables.has(name)) this.variables.set(name, value);
    this.#pbx.schedule(this.uuid, 2, () => this.transfer("menu"));
    for (const untaken of ["none", "once", "twice"]) {
      this.offers++;
      this.variables.set("sidetone_taken", "no").set("sidetone_untaken", untaken);
      await this.#lend();
      if (this.variables.get("sidetone_taken") !== "no" || this.variables.has("sidetone_next")) break;
    }
    if (this.place !== "lent") return;
    this.variables.delete("socket_resume");
    this.variables.delete("sidetone_ticket");
    this.#pbx.scheduler.remove(this.uuid);
    const next = this.variables.get("sidetone_next") ?? "";
    if (next === "hangup") this.hangUp();
    else this.#go(TARGETS[next] === undefined ? "menu" : next);
  }

  /** uuid_transfer: the application that runs is over, whoever is connected stays connected. */
  transfer(place: string): void {
    if (this.place === "gone") return;
    const lent = this.place === "lent" || this.place === "parked";
    this.#go(TARGETS[place] === undefined ? "menu" : place);
    if (lent) this.tell("CHANNEL_EXECUTE_COMPLETE", { Application: "socket" });
    this.#changes.emit("back");
    // The menu and every step of ours begin so; somebody else's extension does not.
    if (place === "elsewhere") return;
    this.variables.delete("socket_resume");
    this.#pbx.scheduler.remove(this.uuid);
  }

  hangUp(cause = "NORMAL_CLEARING"): void {
    if (this.place === "gone") return;
    this.place = "gone";
    this.#ticking.cancel();
    this.tell("CHANNEL_HANGUP", { "Hangup-Cause": cause });
    this.session?.channelDown();
    this.sound.hangUp();
    this.#pbx.forget(this);
    this.#changes.emit("back");
    this.#changes.emit("gone");
  }

  press(digit: string, source: KeySource = "RTP"): void {
    if (source === "INBAND_AUDIO" && !this.detects) return;
    this.tell("DTMF", { "DTMF-Digit": digit, "DTMF-Duration": "800", "DTMF-Source": source });
  }

  hold(): void {
    this.tell("CHANNEL_HOLD");
  }

  unhold(): void {
    this.tell("CHANNEL_UNHOLD");
  }

  tell(name: string, headers: Readonly<Record<string, string>> = {}, body = ""): void {
    this.#pbx.event({ name, headers: { "Unique-ID": this.uuid, ...headers }, body });
  }

  sendmsg(headers: Readonly<Record<string, string>>): void {
    const application = headers["execute-app-name"] ?? "";
    if (headers["call-command"] === "execute" && !APPLICATIONS.includes(application)) {
      // +OK comes all the same: it means queued.
      systemClock.after(20, () => this.hangUp("DESTINATION_OUT_OF_ORDER"));
      return;
    }
    if (application.endsWith("start_dtmf")) this.detects = true;
    else if (application === "hangup") systemClock.after(20, () => this.hangUp());
    else if (application === "set") this.#set(headers);
    else this.sound.sendmsg(headers);
  }

  /** An application that is through at once. Whoever gave the message an `Event-UUID` finds it in the event as `Application-UUID`. */
  #set(headers: Readonly<Record<string, string>>): void {
    const argument = headers["execute-app-arg"] ?? "";
    const [name = "", ...value] = argument.split("=");
    this.variables.set(name, value.join("="));
    this.tell("CHANNEL_EXECUTE_COMPLETE", {
      Application: "set",
      "Application-Data": argument,
      "Application-UUID": headers["event-uuid"] ?? "",
    });
  }

  data(): Readonly<Record<string, string>> {
    const { from = "100", fromName = "", to = "3000", diversion, inbandOnly } = this.options;
    const codec = this.wideband ? { name: "G722", rate: "16000" } : { name: "PCMU", rate: "8000" };
    const events = inbandOnly ? "" : "a=rtpmap:101 telephone-event/8000\r\n";
    const variables = Object.fromEntries([...this.variables].map(([name, value]) => [`variable_${name}`, value]));
    return {
      "Unique-ID": this.uuid,
      "Caller-Caller-ID-Number": from,
      "Caller-Caller-ID-Name": fromName,
      "Caller-Destination-Number": to,
      "Channel-Read-Codec-Name": codec.name,
      "Channel-Read-Codec-Rate": codec.rate,
      variable_sip_to_user: to,
      variable_sip_req_user: to,
      variable_switch_r_sdp: `v=0\r\nm=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\n${events}`,
      ...(diversion === undefined ? {} : { variable_sip_h_Diversion: `<sip:${diversion}@fake>;reason=unconditional` }),
      ...variables,
    };
  }

  /** The channel's media bugs, as uuid_buglist prints them. */
  bugs(): string {
    const bugs = [...this.recordings.keys()].map(
      (file) =>
        ` <media-bug>\n  <function>session_record</function>\n  <target>${file}</target>\n  <thread-locked>0</thread-locked>\n </media-bug>\n`,
    );
    return `<media-bugs>\n${bugs.join("")}</media-bugs>\n`;
  }

  /** uuid_record: "mask '/path'". */
  record(text: string): string {
    const [verb = ""] = text.split(" ", 1);
    const file = text.slice(verb.length + 1).replace(/^'|'$/g, "");
    const masked = { mask: true, unmask: false }[verb];
    if (masked === undefined || !this.recordings.has(file)) return `-ERR Cannot ${verb} recording session!\n`;
    this.recordings.set(file, masked);
    return "+OK Success\n";
  }

  /** The application `socket`, and the park after it. */
  async #lend(): Promise<void> {
    for (const port of this.#pbx.ports) {
      const socket = connect(port, "127.0.0.1");
      const there = await once(socket, "connect").then(
        () => true,
        () => false,
      );
      if (!there) continue;
      this.place = "lent";
      const back = once(this.#changes, "back");
      const session = new EventSocket(socket, { board: this.#pbx.outboundBoard, call: this });
      this.session = session;
      session.onClose(() => this.#controllerGone(session));
      await back;
      return;
    }
    this.place = "lent";
  }

  /** With `socket_resume` the dialplan goes on with the next 20 ms; without, the call stays parked in silence. */
  #controllerGone(session: EventSocket): void {
    if (this.session === session) this.session = undefined;
    if (this.place !== "lent") return;
    if (this.variables.get("socket_resume") === "true") systemClock.after(20, () => this.#changes.emit("back"));
    else this.place = "parked";
  }

  #go(place: string): void {
    this.place = place;
  }

  #said(): Int16Array {
    const pcm = Int16Array.from(this.line.next(), decodeMulaw);
    return this.wideband ? Int16Array.from({ length: 320 }, (_, index) => pcm[index >> 1] ?? 0) : pcm;
  }

  #tick(): void {
    if (this.place === "lent" || this.place === "parked") this.sound.tick();
    else if (TARGETS[this.place] !== undefined) this.line.heardSamples(this.#beep(TARGETS[this.place] ?? 0));
  }

  #beep(hz: number): Int16Array {
    return Int16Array.from({ length: 160 }, () => 8000 * Math.sin((2 * Math.PI * hz * this.#phase++) / 8000));
  }
}
