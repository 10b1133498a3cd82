import type { Attached, CallChannel, Pbx, Whereabouts } from "../pbx.ts";
import type { Process, World } from "../world.ts";
import { attached } from "./connections.ts";
import { Dialplan, expanded, type Lookup, type Place } from "./dialplan.ts";
import { isTrue } from "./expression.ts";

/** What of the PBX can be switched off, to see whether the walk notices. */
export interface PbxFaults {
  /** Two may connect to one call's media. */
  readonly sharedMedia?: boolean;
  readonly dialplan?: Dialplan;
}

export interface ModelEvent {
  readonly type: "lent" | "gone";
  readonly channel: string;
  readonly call: string;
  readonly media: string;
  readonly attempt: number;
  readonly destroyed: boolean;
}

/** The channel between the caller's one and a worker. */
export class MediaChannel {
  readonly id: string;
  readonly connection: string;
  state: "Down" | "Up" | "gone" = "Down";
  /** Whose connection it is, and who else thinks so. */
  readonly holders: unknown[] = [];
  onEnd: (() => void)[] = [];
  onUp: () => void = () => {};

  constructor(id: string) {
    this.id = id;
    this.connection = `m-${id}`;
  }

  end(): void {
    if (this.state === "gone") return;
    this.state = "gone";
    for (const run of this.onEnd) run();
  }
}

class HungUp extends Error {}

const SHIPPED = new Dialplan();
const ANSWERS: Readonly<Record<string, string>> = {
  "CHANNEL(channeltype)": "PJSIP",
  "CHANNEL(name)": "PJSIP/trunk-00000001",
  "CHANNEL(language)": "en",
  "CHANNEL(audioreadformat)": "ulaw",
};

/** A caller's channel, which walks through the shipped dialplan. */
export class AsteriskCall implements CallChannel {
  readonly id: string;
  readonly variables = new Map<string, string>();
  readonly trace: string[] = [];
  where: Whereabouts = "dialplan";
  answeredMs: number | undefined;
  media: MediaChannel | undefined;
  /** What Dial was given, as channels show it. */
  appData = "";
  readonly #pbx: ModelAsterisk;
  readonly #gone = Promise.withResolvers<never>();
  readonly #stack: { place: Place; args: readonly string[] }[] = [];
  #place: Place;

  constructor(pbx: ModelAsterisk, id: string, to: string) {
    this.#place = { context: "sidetone-in", exten: to, priority: 1 };
    this.#pbx = pbx;
    this.id = id;
    this.#gone.promise.catch(() => {});
  }

  /** Resolves when the caller is somewhere for good. */
  async run(): Promise<void> {
    try {
      while (this.where === "dialplan" || this.where === "lent") await this.#step(this.#place);
    } catch (error) {
      if (!(error instanceof HungUp)) throw error;
    }
  }

  get reason(): string {
    return this.variables.get("SIDETONE_REASON") ?? "";
  }

  hangUp(): void {
    if (this.where === "gone") return;
    this.where = "gone";
    this.#gone.reject(new HungUp());
    this.media?.end();
    this.#pbx.forget(this);
  }

  async #step({ context, exten, priority }: Place): Promise<void> {
    const step = this.#pbx.dialplan.find(context, exten)?.[priority - 1];
    if (!step) return this.hangUp();
    this.trace.push(`${context},${exten.slice(0, 20)},${priority} ${step.app}`);
    this.#place = { context, exten, priority: priority + 1 };
    await this.#run(step.app, expanded(step.args, this.#lookup(this.#stack.at(-1)?.args ?? [])), {
      context,
      exten,
      priority,
    });
  }

  async #run(app: string, args: string, here: Place): Promise<void> {
    const goto = (target: string): void => {
      if (target !== "") this.#place = this.#pbx.dialplan.target(target, here);
    };
    if (app === "GotoIf") {
      const [, condition = "", yes = "", no = ""] = /^([^?]*)\?([^:]*):?(.*)$/s.exec(args) ?? [];
      goto(isTrue(condition) ? yes : no);
    } else if (app === "ExecIf") {
      const [, condition = "", rest = ""] = /^([^?]*)\?(.*)$/s.exec(args) ?? [];
      const [, inner = "", innerArgs = ""] = /^(\w+)\((.*)\)$/s.exec(rest) ?? [];
      if (isTrue(condition)) await this.#run(inner, innerArgs, here);
    } else if (app === "Goto") goto(args);
    else if (app === "Gosub") this.#gosub(args, here);
    else if (app === "Return") this.#place = this.#stack.pop()?.place ?? this.#place;
    else if (app === "Set") this.#set(args);
    else if (app === "Answer") this.answeredMs ??= this.#pbx.world.nowMs;
    else if (app === "Wait") await this.#orGone(this.#pbx.world.clock.sleep(Number(args) * 1000));
    else if (app === "Hangup") this.hangUp();
    else if (app === "Background" || app === "Playback") this.where = "menu";
    else if (app === "Dial") await this.#dial(args);
    else if (app !== "UserEvent") throw new Error(`the model knows no ${app}`);
  }

  #gosub(args: string, here: Place): void {
    const [, target = "", given] = /^([^(]*)(?:\((.*)\))?$/.exec(args) ?? [];
    this.#stack.push({ place: { ...here, priority: here.priority + 1 }, args: given?.split("^") ?? [] });
    this.#place = this.#pbx.dialplan.target(target, here);
  }

  #set(args: string): void {
    const [, name = "", value = ""] = /^_*([^=]+)=(.*)$/s.exec(args) ?? [];
    this.variables.set(name, value);
  }

  async #dial(args: string): Promise<void> {
    const [, tech = "", seconds = "", options = ""] = /^([^,]*),([^,]*),?(.*)$/s.exec(args) ?? [];
    if (!tech.startsWith("WebSocket/INCOMING")) {
      this.where = "transferred";
      return;
    }
    const media = this.#pbx.newMedia(this);
    this.media = media;
    this.appData = args;
    this.where = "lent";
    const ended = new Promise<void>((resolve) => media.onEnd.push(resolve));
    const up = new Promise<"up">((resolve) => {
      media.onUp = () => resolve("up");
    });
    // Pre-dial: the routine runs on the media channel and tells who is to connect.
    const [, lent = ""] = /sidetone-lend\^s\^1\(([^)]*)\)/.exec(options) ?? [];
    const [call = "", attempt = ""] = lent.split("^");
    this.#pbx.tell({
      type: "lent",
      channel: media.id,
      call,
      media: media.connection,
      attempt: Number(attempt),
      destroyed: false,
    });
    const late = this.#pbx.world.clock.sleep(Number(seconds) * 1000).then(() => "late" as const);
    const first = await this.#orGone(Promise.race([up, late, ended]));
    this.variables.set("DIALSTATUS", first === "up" ? "ANSWER" : "NOANSWER");
    if (first === "up") await this.#orGone(ended);
    media.end();
    this.media = undefined;
    this.where = "dialplan";
  }

  #orGone<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#gone.promise]);
  }

  #lookup(args: readonly string[]): Lookup {
    const { globals, world } = this.#pbx;
    return {
      variable: (name) => {
        if (name === "EXTEN") return this.#place.exten;
        if (name === "UNIQUEID") return this.id;
        if (name === "EPOCH") return String(Math.floor(world.clock.wall() / 1000));
        if (name.startsWith("ARG")) return args[Number(name.slice(3)) - 1] ?? "";
        return this.variables.get(name) ?? globals.get(name) ?? "";
      },
      call: (name, inner) => this.#function(name, inner),
    };
  }

  #function(name: string, args: string): string {
    const { globals, dialplan } = this.#pbx;
    if (name === "GLOBAL") return globals.get(args) ?? "";
    if (name === "LEN") return String(args.length);
    if (name === "TOUPPER") return args.toUpperCase();
    if (name === "TOLOWER") return args.toLowerCase();
    if (name === "GROUP_COUNT") return String(this.#pbx.present.size);
    if (name === "IFMODULE") return "0";
    if (name === "IF") {
      const [, condition = "", yes = "", no = ""] = /^([^?]*)\?([^:]*):?(.*)$/s.exec(args) ?? [];
      return isTrue(condition) ? yes : no;
    }
    if (name === "FILTER") {
      const [, allowed = "", text = ""] = /^([^,]*),(.*)$/s.exec(args) ?? [];
      const set = new RegExp(`[${allowed.replaceAll("\\x2d", "\\-")}]`);
      return [...text].filter((letter) => set.test(letter)).join("");
    }
    if (name === "DIALPLAN_EXISTS") {
      const [context = "", exten = ""] = args.split(",");
      return dialplan.find(context, exten) ? "1" : "0";
    }
    const known = ANSWERS[`${name}(${args})`] ?? ANSWERS[`${name}(${args.split(":")[0]})`];
    if (known === undefined) throw new Error(`the model knows no ${name}(${args})`);
    return known;
  }
}

/** Asterisk, as far as a lent call goes: channels that walk through the shipped dialplan, and whoever listens to its events. */
export class ModelAsterisk implements Pbx {
  readonly upMs = 60;
  readonly silenceMs = 1700;
  /** What has reached the menu stays there. */
  readonly restless = false;
  readonly uneven = false;
  readonly linkFaults = ["ARI is lost", "ARI hangs", "the manager interface hangs"];
  readonly slow = {};
  readonly world: World;
  readonly dialplan: Dialplan;
  readonly faults: PbxFaults;
  readonly globals = new Map([
    ["SIDETONE_MEDIA", "websocket"],
    ["SIDETONE_BEAT", "0"],
    ["SIDETONE_CALL_MAX_S", "7200"],
    ["SIDETONE_SOUNDS", "/sounds"],
    ["SIDETONE_KEY_S", "5"],
    ["SIDETONE_TARGET_SALES", "PJSIP/sales"],
  ]);
  readonly calls = new Map<string, AsteriskCall>();
  readonly media = new Map<string, MediaChannel>();
  /** The workers whose presence stands in the dialplan. */
  readonly present = new Set<unknown>();
  readonly listeners = new Set<(event: ModelEvent) => void>();
  #serial = 0;
  readonly #prefix: string;

  constructor(world: World, faults: PbxFaults = {}, prefix = "1") {
    this.world = world;
    this.faults = faults;
    this.dialplan = faults.dialplan ?? SHIPPED;
    this.#prefix = prefix;
  }

  call(to = "3000"): AsteriskCall {
    const call = new AsteriskCall(this, `${this.#prefix}.${++this.#serial}`, to);
    this.calls.set(call.id, call);
    return call;
  }

  attach(process: Process): Attached {
    return attached(this, process);
  }

  newMedia(_call: AsteriskCall): MediaChannel {
    const media = new MediaChannel(`${this.#prefix}.${++this.#serial}`);
    this.media.set(media.connection, media);
    return media;
  }

  tell(event: ModelEvent): void {
    for (const listener of this.listeners) listener(event);
  }

  forget(call: AsteriskCall): void {
    this.calls.delete(call.id);
    const none = { call: "", media: "", attempt: 0 };
    this.tell({ type: "gone", channel: call.id, destroyed: false, ...none });
    this.tell({ type: "gone", channel: call.id, destroyed: true, ...none });
  }
}
