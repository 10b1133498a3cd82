import type { Siblings } from "../../../src/call/siblings.ts";
import { EventSocket, type Switchboard } from "../../fakes/freeswitch/event-socket.ts";
import { cond } from "../../fakes/freeswitch/fake-freeswitch.ts";
import type { Attached, Pbx } from "../pbx.ts";
import type { Process, World } from "../world.ts";
import { FreeswitchCall, type Lending } from "./call.ts";
import { attached } from "./connections.ts";
import { Dialplan, expanded } from "./dialplan.ts";
import type { Door } from "./door.ts";
import { type End, Pipe } from "./pipe.ts";
import { Scheduler } from "./scheduler.ts";

const SHIPPED = new Dialplan();
const NO_CHANNEL = "-ERR No such channel!\n";
const PASSWORD = "x";
export const PORT = 8084;

/** FreeSWITCH, as far as a lent call goes: channels that walk through the shipped dialplan, its Event Socket and its timers. */
export class ModelFreeswitch implements Pbx {
  readonly upMs = 150;
  readonly silenceMs = 2000;
  readonly linkFaults = [
    "the inbound Event Socket is lost",
    "the inbound Event Socket hangs",
    "the calls' connections hang",
  ];
  /**
   * That a call is over is said by the end of its sound, after 360 ms; then it is tried for 500 ms to tell the dialplan. Who hangs
   * is killed after 800 ms; where the call then finds another one that is not heard, the dialplan's own timer has to end it. What is
   * asked of FreeSWITCH is given up after 2,000 ms, and the record is completed after that.
   */
  readonly slow = { "the calls' connections hang": { newsMs: 900, silenceMs: 3000, calmMs: 4000 } };
  readonly world: World;
  readonly dialplan: Dialplan;
  readonly scheduler: Scheduler;
  readonly globals = new Map([
    ["sidetone_socket", `127.0.0.1:${PORT}|127.0.0.1:8085`],
    ["sidetone_target_sales", "user/sales"],
    ["sidetone_ring_s", "20"],
    ["sidetone_key_ms", "5000"],
    ["sidetone_sounds", "/sounds"],
  ]);
  readonly calls = new Map<string, FreeswitchCall>();
  /** Who listens where calls are lent to: all at the same port. */
  readonly doors = new Set<Door>();
  /** Which lending a datagram belongs to, by the port that it is sent to. */
  readonly unicasts = new Map<string, Lending>();
  readonly board: Switchboard = {
    api: (command) => this.#api(command),
    mayUse: () => true,
    password: () => PASSWORD,
  };
  readonly #inbound = new Set<EventSocket>();
  readonly #placed: FreeswitchCall[] = [];
  readonly #seed: number;
  #serial = 0;
  #ports = 30_000;

  constructor(world: World, dialplan: Dialplan | undefined, seed: number) {
    this.world = world;
    this.dialplan = dialplan ?? SHIPPED;
    this.scheduler = new Scheduler(world, ({ name, headers }) => this.tell(name, headers));
    this.#seed = seed;
    // Its timers follow the seconds of the wall clock.
    world.clock.jump(Math.floor(world.between(0, 1000)));
  }

  get restless(): boolean {
    return this.#placed.some(({ id }) => this.scheduler.burns(id));
  }

  call(): FreeswitchCall {
    const call = new FreeswitchCall(this, this.#uuid());
    this.calls.set(call.id, call);
    this.#placed.push(call);
    return call;
  }

  attach(process: Process): Attached {
    return attached(this, process);
  }

  forget(call: FreeswitchCall): void {
    this.calls.delete(call.id);
    this.scheduler.remove(call.id);
  }

  tell(name: string, headers: Readonly<Record<string, string>>): void {
    const event = { name, headers, body: "" };
    for (const session of this.#inbound) session.event(event);
    for (const call of this.calls.values()) for (const session of call.sessions) session.event(event);
  }

  /** A worker logs in. */
  connect(process: Process): Pipe {
    const pipe = new Pipe(this.world, process);
    const session = new EventSocket(pipe.far, { board: this.board });
    this.#inbound.add(session);
    session.onClose(() => this.#inbound.delete(session));
    return pipe;
  }

  freePort(): string {
    return String(++this.#ports);
  }

  /** In every other run one of the two workers has more to do than the other, and passes new calls on. */
  get uneven(): boolean {
    return this.#seed % 2 === 1;
  }

  burdenOf({ name }: Process): Siblings["burden"] {
    const [, number = "0"] = /(\d+)$/.exec(name) ?? [];
    const burdened = this.uneven && Number(number) % 2 === (this.#seed >> 1) % 2;
    return !burdened ? "even" : (this.#seed >> 2) % 2 === 0 ? "more" : "full";
  }

  /** The kernel lets a call in at one of those that listen, by chance; undefined: nobody does. */
  knock(address: string): End | undefined {
    if (this.doors.size === 0 || !address.endsWith(`:${PORT}`)) return undefined;
    return this.world.pick([...this.doors]).knock();
  }

  /** "+2 extension XML context" */
  schedule(call: FreeswitchCall, data: string): void {
    const [when = "", extension = ""] = data.split(" ");
    this.scheduler.transfer(call.id, Number(when.slice(1)), () => call.pulled(extension));
  }

  function(name: string, args: string): string {
    if (name === "create_uuid") return this.#uuid();
    if (name === "module_exists") return "false";
    if (name === "file_exists") return "true";
    throw new Error(`the model knows no ${name}(${args})`);
  }

  #uuid(): string {
    const seed = this.#seed.toString(16).padStart(8, "0");
    return `${seed}-0000-4000-8000-${String(++this.#serial).padStart(12, "0")}`;
  }

  /** "uuid:<uuid> command": with the variables of that call, which are named as in an event there. */
  #expand(first: string, text: string): string {
    const call = this.calls.get(first.replace(/^uuid:/, ""));
    const variable = (name: string): string => call?.variables.get(name.replace(/^variable_/, "")) ?? "";
    return this.#api(expanded(text, { variable, call: (_name, args) => cond(args) }));
  }

  #api(command: string): string {
    const [verb = "", first = "", ...rest] = command.split(" ");
    if (verb === "expand") return this.#expand(first, rest.join(" "));
    if (verb === "version") return "FreeSWITCH Version 1.11.3 (model)\n";
    if (verb === "module_exists") return "false";
    if (verb === "global_setvar") return "+OK\n";
    if (verb === "sched_del")
      return this.scheduler.remove(first) > 0 ? `+OK Deleted: ${first}\n` : "-ERR No such task\n";
    const call = this.calls.get(verb === "sched_transfer" ? (rest[0] ?? "") : first);
    if (!call) return NO_CHANNEL;
    if (verb === "sched_transfer") {
      this.schedule(call, `${first} ${rest.slice(1).join(" ")}`);
      return "+OK\n";
    }
    return ofCall(call, verb, rest.join(" "));
  }
}

function ofCall({ variables }: FreeswitchCall, verb: string, text: string): string {
  if (verb === "uuid_getvar") return variables.get(text) ?? "_undef_";
  const pairs = verb === "uuid_setvar" ? [text.replace(" ", "=")] : verb === "uuid_setvar_multi" ? text.split(";") : [];
  for (const pair of pairs) {
    const [name = "", ...value] = pair.split("=");
    if (value.length === 0) variables.delete(name);
    else variables.set(name, value.join("="));
  }
  return pairs.length > 0 ? "+OK\n" : `-ERR ${verb} Command not found!\n`;
}
