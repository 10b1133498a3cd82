import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { EventSocket, type FakeEvent, type Switchboard } from "./event-socket.ts";
import { type DialOptions, LentCall } from "./lent-call.ts";
import { Scheduler } from "./scheduler.ts";

const SCHEDULES_TRANSFER = "switch_ivr_schedule_transfer";
const NO_CHANNEL = "-ERR No such channel!\n";
const REJECTION = "Access Denied, go away.\n";

/** FreeSWITCH as Sidetone sees it: Event Socket both ways, callers, their sound and the dialplan. What it does was measured on 1.11.3. */
export class FakeFreeswitch {
  readonly globals = new Map<string, string>();
  readonly modules = new Set([
    "mod_audio_stream",
    "mod_spandsp",
    "mod_dptools",
    "mod_commands",
    "mod_sofia",
    "mod_sndfile",
    "mod_dialplan_xml",
    "mod_tone_stream",
    "mod_voicemail",
  ]);
  /** By user; the empty one is the socket's own. */
  readonly passwords = new Map([["", "esl-secret"]]);
  /** What a user may use; undefined: everything. */
  readonly allowed = new Map<string, readonly string[]>();
  readonly scheduler = new Scheduler((event) => this.event(event));
  /** Inbound sessions of now, and of before. */
  readonly sessions: EventSocket[] = [];
  /** Where calls are lent to, in this order. */
  ports: readonly number[] = [];
  /** The access list keeps everybody out. */
  rejects = false;
  /** Every API command, in order. */
  readonly apis: string[] = [];
  readonly #calls = new Map<string, LentCall>();
  readonly #running = new Set<Promise<void>>();
  readonly #board: Switchboard = {
    api: (command) => this.api(command),
    mayUse: ({ user }, api) => this.allowed.get(user)?.includes(api) ?? true,
    password: (user) => this.passwords.get(user),
  };
  #server: Server = createServer();
  #port = 0;

  get port(): number {
    return this.#port;
  }

  get calls(): readonly LentCall[] {
    return [...this.#calls.values()];
  }

  async start(): Promise<void> {
    this.#server = createServer((socket) => {
      if (this.rejects) {
        socket.end(`Content-Type: text/rude-rejection\nContent-Length: ${REJECTION.length}\n\n${REJECTION}`);
        return;
      }
      this.sessions.push(new EventSocket(socket, { board: this.#board }));
    });
    this.#server.listen(this.#port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = (this.#server.address() as AddressInfo).port;
    this.scheduler.start();
  }

  /** As if the process had been killed: calls and all. `start` brings another one up at the same port. */
  async stop(): Promise<void> {
    this.scheduler.stop();
    for (const call of this.calls) {
      call.session?.cut();
      call.hangUp();
    }
    this.cutInbound();
    if (this.#server.listening) {
      this.#server.close();
      await once(this.#server, "close");
    }
    await Promise.all(this.#running);
  }

  cutInbound(): void {
    for (const session of this.sessions) session.cut();
  }

  /** Nobody gets in any more; who is in is cut. */
  closeDoor(): void {
    this.#server.close();
    this.cutInbound();
  }

  dial(options: DialOptions = {}): LentCall {
    const call = new LentCall(this, options);
    this.#calls.set(call.uuid, call);
    const running = call.run();
    this.#running.add(running);
    void running.finally(() => this.#running.delete(running));
    return call;
  }

  forget(call: LentCall): void {
    this.#calls.delete(call.uuid);
  }

  event(event: FakeEvent): void {
    for (const session of this.sessions) session.event(event);
    for (const { session } of this.calls) session?.event(event);
  }

  schedule(uuid: string, inS: number, run: () => void): void {
    this.scheduler.add({ group: uuid, inS, what: SCHEDULES_TRANSFER, run });
  }

  /** An outbound session that was lent "full" may do everything. */
  get outboundBoard(): Switchboard {
    return { ...this.#board, mayUse: () => true };
  }

  api(command: string): string {
    this.apis.push(command);
    const [verb = "", first = "", ...rest] = command.split(" ");
    const text = rest.join(" ");
    switch (verb) {
      case "version":
        return "FreeSWITCH Version 1.11.3-dev+git (fake)\n";
      case "module_exists":
        return String(this.modules.has(first));
      case "global_setvar":
        if (!first.includes("=")) return "-USAGE: <var>=<value>\n";
        this.globals.set(first.split("=")[0] ?? "", `${first.slice(first.indexOf("=") + 1)}${text && ` ${text}`}`);
        return "+OK\n";
      case "show":
        return JSON.stringify({ row_count: this.calls.length, rows: this.calls.map(({ uuid }) => ({ uuid })) });
      case "sched_del":
        return this.scheduler.remove(first) > 0 ? `+OK Deleted: ${first}\n` : "-ERR No such task\n";
      case "expand":
        return this.#expand(first, text);
      case "sched_transfer":
        return this.#scheduleTransfer(first, rest);
      default:
        return this.#channelApi(verb, first, text);
    }
  }

  /** "uuid:<uuid> command", with variables of that channel and `cond` in it, as far as Sidetone uses them. */
  #expand(first: string, text: string): string {
    const call = this.#calls.get(first.replace(/^uuid:/, ""));
    return this.api(
      text
        .replaceAll(/\$\{variable_(\w+)\}/g, (_, name: string) => call?.variables.get(name) ?? "")
        .replaceAll(/\$\{cond\(([^)]*)\)\}/g, (_, args: string) => cond(args)),
    );
  }

  #scheduleTransfer(when: string, [uuid = "", extension = ""]: readonly string[]): string {
    const call = this.#calls.get(uuid);
    if (!call) return NO_CHANNEL;
    this.schedule(uuid, Number(when.slice(1)), () => call.transfer(extension.replace("sidetone-", "")));
    // No id here.
    return "+OK\n";
  }

  #channelApi(verb: string, uuid: string, text: string): string {
    if (!verb.startsWith("uuid_")) return `-ERR ${verb} Command not found!\n`;
    const call = this.#calls.get(uuid);
    if (verb === "uuid_exists") return String(call !== undefined);
    if (uuid === "") return `-USAGE: ${verb}\n`;
    if (!call) return NO_CHANNEL;
    return this.#ofCall(call, verb, text);
  }

  #ofCall(call: LentCall, verb: string, text: string): string {
    switch (verb) {
      case "uuid_getvar":
        return call.variables.get(text) ?? "_undef_";
      case "uuid_setvar": {
        const [name = "", ...value] = text.split(" ");
        if (value.length === 0) call.variables.delete(name);
        else call.variables.set(name, value.join(" "));
        return "+OK\n";
      }
      case "uuid_setvar_multi":
        for (const pair of text.split(";"))
          call.variables.set(pair.split("=")[0] ?? "", pair.slice(pair.indexOf("=") + 1));
        call.sound.api(`uuid_setvar_multi ${call.uuid} ${text}`);
        return "+OK\n";
      case "uuid_send_dtmf":
        call.line.digits += text.split("@")[0];
        return `+OK ${call.uuid} sent DTMF ${text}.\n`;
      case "uuid_buglist":
        return call.bugs();
      case "uuid_record":
        return call.record(text);
      case "uuid_transfer":
        call.transfer(text.split(" ")[0] ?? "");
        return "+OK\n";
      case "uuid_kill":
        call.hangUp();
        return "+OK\n";
      default: {
        const answer = call.sound.api(`${verb} ${call.uuid} ${text}`);
        return answer === undefined ? `-ERR ${verb} Command not found!\n` : `${answer}\n`;
      }
    }
  }
}

/** The command `cond`: "a == b ? c : d", and "a < b ? c : d" of numbers. */
export function cond(args: string): string {
  const [, one = "", how, other = "", yes = "", no = ""] = /^(\S+) (==|<) (\S+) \? (\S+) : (\S+)$/.exec(args) ?? [];
  const holds = how === "<" ? Number(one) < Number(other) : one === other;
  return holds ? yes : no;
}
