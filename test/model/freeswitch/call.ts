import { EventSocket } from "../../fakes/freeswitch/event-socket.ts";
import type { CallChannel, Whereabouts } from "../pbx.ts";
import { type Action, expanded, type Lookup } from "./dialplan.ts";
import type { ModelFreeswitch } from "./pbx.ts";
import type { End } from "./pipe.ts";

/** The dialplan goes elsewhere: by its own transfer, or because a timer pulled the call away. */
class Elsewhere extends Error {
  readonly to: string;
  constructor(to: string) {
    super();
    this.to = to;
  }
}

/** The caller is somewhere for good. */
class Over extends Error {}

/** What a transfer costs, and what it costs to come back from `socket`. */
const STEP_MS = 20;
const NUMBER = "4100";

/** The application `socket`: a session with whoever was let in, and the sound that goes through it. */
export class Lending {
  readonly over: Promise<void>;
  readonly #finish: () => void;
  readonly #ends: (() => void)[] = [];
  #ended = false;
  session: EventSocket | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.over = promise;
    this.#finish = resolve;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The dialplan goes on. */
  back(): void {
    this.#finish();
  }

  onEnd(run: () => void): void {
    if (this.#ended) run();
    else this.#ends.push(run);
  }

  /** The park is over, and with it the sound. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    for (const run of this.#ends) run();
  }
}

/** A caller's channel, which walks through the shipped dialplan. */
export class FreeswitchCall implements CallChannel {
  readonly id: string;
  readonly variables = new Map<string, string>();
  where: Whereabouts = "dialplan";
  answeredMs: number | undefined;
  media: Lending | undefined;
  readonly #pbx: ModelFreeswitch;
  /** FreeSWITCH has marked it: for so long nobody's end is of any consequence. */
  #onItsWay = false;
  /** Sessions that have outlived their `socket`, too. */
  readonly #sessions = new Set<EventSocket>();
  #interrupt = Promise.withResolvers<never>();

  constructor(pbx: ModelFreeswitch, id: string) {
    this.#pbx = pbx;
    this.id = id;
    this.#interrupt.promise.catch(() => {});
  }

  get reason(): string {
    return this.variables.get("sidetone_reason") ?? "";
  }

  get sessions(): Iterable<EventSocket> {
    return this.#sessions;
  }

  async run(): Promise<void> {
    let to: string | undefined = await this.#walk(NUMBER, 0);
    while (to !== undefined) to = await this.#walk(to, STEP_MS);
  }

  hangUp(): void {
    if (this.where === "gone") return;
    this.where = "gone";
    this.#pbx.tell("CHANNEL_HANGUP", { "Unique-ID": this.id, "Hangup-Cause": "NORMAL_CLEARING" });
    for (const session of this.#sessions) session.channelDown();
    this.media?.end();
    this.media = undefined;
    this.#pbx.forget(this);
    this.#interrupt.reject(new Over());
  }

  /** By a timer: what runs is over, and whoever is connected stays connected. */
  pulled(to: string): void {
    const { world } = this.#pbx;
    if (this.where === "gone") return;
    world.tell(`${this.id} is pulled away to ${to}`);
    if (this.where === "menu" || this.where === "transferred") {
      world.violated("a timer pulled a caller away who was not lent");
      return;
    }
    if (this.where === "lent") {
      const headers = { "Unique-ID": this.id, Application: "socket" };
      world.after(world.between(0, STEP_MS), () => this.#pbx.tell("CHANNEL_EXECUTE_COMPLETE", headers));
    }
    const { reject } = this.#interrupt;
    this.#interrupt = Promise.withResolvers<never>();
    this.#interrupt.promise.catch(() => {});
    reject(new Elsewhere(to));
  }

  data(): Record<string, string> {
    const variables = [...this.variables].map(([name, value]) => [`variable_${name}`, value]);
    return {
      "Unique-ID": this.id,
      "Caller-Caller-ID-Number": "100",
      "Caller-Destination-Number": NUMBER,
      "Channel-Read-Codec-Name": "PCMU",
      "Channel-Read-Codec-Rate": "8000",
      variable_sip_to_user: NUMBER,
      variable_sip_req_user: NUMBER,
      ...Object.fromEntries(variables),
    };
  }

  /** Where it goes from there; undefined: nowhere. */
  async #walk(to: string, afterMs: number): Promise<string | undefined> {
    try {
      if (afterMs > 0) await this.#wait(this.#pbx.world.clock.sleep(afterMs));
      this.#onItsWay = false;
      await this.#extension(to);
      this.hangUp();
    } catch (error) {
      if (error instanceof Elsewhere) {
        this.#onItsWay = true;
        return error.to;
      }
      if (!(error instanceof Over)) throw error;
    }
    return undefined;
  }

  async #extension(name: string): Promise<void> {
    for (const action of this.#pbx.dialplan.find(name, this.#lookup)) {
      await this.#run(action.app, expanded(action.data, this.#lookup));
    }
  }

  async #run(app: string, data: string): Promise<void> {
    const [first = ""] = data.split(" ");
    if (app === "set") this.#set(data);
    else if (app === "unset") this.variables.delete(data);
    else if (app === "execute_extension") await this.#extension(first);
    else if (app === "transfer") throw new Elsewhere(first);
    else if (app === "socket") await this.#socket(data);
    else if (app === "sched_transfer") this.#pbx.schedule(this, data);
    else if (app === "sched_cancel") this.#pbx.scheduler.remove(this.id);
    else if (app === "answer") this.answeredMs ??= this.#pbx.world.nowMs;
    else if (app === "hangup") this.#end();
    else if (app === "playback" || app === "play_and_get_digits" || app === "voicemail") this.#arrive("menu");
    else if (app === "bridge") this.#arrive("transferred");
    else if (app !== "event") throw new Error(`the model knows no ${app}`);
  }

  #end(): never {
    this.hangUp();
    throw new Over();
  }

  #arrive(where: Whereabouts): never {
    this.where = where;
    this.#pbx.world.tell(`${this.id} is ${where} (${this.reason})`);
    throw new Over();
  }

  #set(data: string): void {
    const at = data.indexOf("=");
    this.variables.set(data.slice(0, at), data.slice(at + 1));
  }

  /** The first address where somebody is; nobody there: the next action. */
  async #socket(data: string): Promise<void> {
    const { world } = this.#pbx;
    const [addresses = ""] = data.split(" ");
    for (const address of addresses.split("|")) {
      const far = this.#pbx.knock(address);
      if (far) return await this.#lend(far);
      await this.#wait(world.clock.sleep(world.between(1, STEP_MS)));
    }
  }

  async #lend(far: End): Promise<void> {
    const lending = new Lending();
    this.media = lending;
    this.where = "lent";
    const call = { uuid: this.id, data: () => this.data(), sendmsg: this.#sendmsg(lending) };
    const session = new EventSocket(far, { board: this.#pbx.board, call });
    lending.session = session;
    this.#sessions.add(session);
    session.onClose(() => this.#controllerGone(lending));
    try {
      await this.#wait(lending.over);
    } finally {
      lending.end();
      if (this.media === lending) this.media = undefined;
      if (this.where === "lent") this.where = "dialplan";
    }
  }

  #sendmsg(lending: Lending): (headers: Readonly<Record<string, string>>) => void {
    return ({ "call-command": command, "remote-port": port = "" }) => {
      if (command === "unicast" && !lending.ended) this.#pbx.unicasts.set(port, lending);
    };
  }

  /** With `socket_resume` the dialplan goes on; without, the call stays parked in silence. One that is not lent any more is reset. */
  #controllerGone(lending: Lending): void {
    const { world } = this.#pbx;
    if (lending.session) this.#sessions.delete(lending.session);
    if (this.where === "gone" || this.#onItsWay || this.variables.get("socket_resume") !== "true") return;
    if (this.media === lending) world.after(world.between(5, STEP_MS + 5), () => lending.back());
    else world.violated("a worker's end reset a call that it did not have any more");
  }

  #wait<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.#interrupt.promise]);
  }

  readonly #lookup: Lookup = {
    variable: (name) => (name === "uuid" ? this.id : (this.variables.get(name) ?? this.#pbx.globals.get(name) ?? "")),
    call: (name, args) => this.#pbx.function(name, args),
    inline: ({ app, data }: Action) => {
      if (app !== "set") throw new Error(`the model knows no inline ${app}`);
      this.#set(expanded(data, this.#lookup));
    },
  };
}
