import { OutsideError } from "../../base/errors.ts";
import { abortable } from "../../base/signals.ts";
import type { HangupCause } from "../../call/engine.ts";
import { causeOf } from "./causes.ts";
import type { EslConnection } from "./esl/connection.ts";
import type { EslEvent } from "./esl/event.ts";
import type { EslMessage } from "./esl/reader.ts";
import type { OutboundCall } from "./esl/server.ts";
import { type ChannelEvent, MEDIA_EVENTS, type MediaChannel, type MediaEventName } from "./media/port.ts";
import { VARIABLE, variableIn } from "./variables.ts";

/** How a channel's being lent ended: its caller hung up, somebody else took the call elsewhere, or the connection broke. */
export interface ChannelEnd {
  readonly how: "hungUp" | "taken" | "lost";
  readonly cause: HangupCause;
}

// FreeSWITCH reads it once, at the beginning of the park. What no number stands in counts as 0, as in its own atoi.
const SILENCE = "send_silence_when_idle";
// After a hang-up its last events come for so long.
const LINGER_S = 5;
const EVENTS = [
  "DTMF",
  "CHANNEL_HOLD",
  "CHANNEL_UNHOLD",
  "CHANNEL_EXECUTE_COMPLETE",
  "CHANNEL_HANGUP",
  "CODEC",
  "ADD_SCHEDULE",
];

type Listener = (event: ChannelEvent) => void;

/** One lent channel over the connection that FreeSWITCH opened for it: what is ordered, what happens, and how it ends. It needs no other connection. */
export class LentChannel implements MediaChannel {
  readonly uuid: string;
  readonly data: ReadonlyMap<string, string>;
  readonly rate: MediaChannel["rate"];
  readonly sendsSilence: boolean;
  readonly again: boolean;
  readonly connection: EslConnection;
  readonly #onEvent: (event: EslEvent) => void;
  readonly #onEnd: (end: ChannelEnd) => void;
  readonly #gone = new AbortController();
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #call: OutboundCall;

  constructor(
    call: OutboundCall,
    options: {
      rate: MediaChannel["rate"];
      /** Everything that happens to this channel, before whoever listens by name. */
      onEvent: (event: EslEvent) => void;
      /** Once. */
      onEnd: (end: ChannelEnd) => void;
    },
  ) {
    this.uuid = call.uuid;
    this.data = call.data;
    this.rate = options.rate;
    this.sendsSilence = (Number.parseInt(variableIn(call.data, SILENCE), 10) || 0) !== 0;
    this.again = Number(variableIn(call.data, VARIABLE.attempt)) > 1;
    this.connection = call.connection;
    this.#onEvent = options.onEvent;
    this.#onEnd = options.onEnd;
    this.#call = call;
  }

  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  /** From now on events come. Rejects when FreeSWITCH refuses. */
  async subscribe(): Promise<void> {
    const { connection, uuid } = this;
    this.#call.listen({
      onEvent: (event) => this.#happened(event),
      onNotice: (message) => this.#noticed(message),
    });
    const lost = (): void => this.#end({ how: "lost", cause: "normal" });
    connection.closed.addEventListener("abort", lost, { once: true });
    const plain = [...EVENTS, ...MEDIA_EVENTS.filter((name) => !name.includes("::"))];
    const custom = MEDIA_EVENTS.filter((name) => name.includes("::"));
    // The filters stand before the events do: other people's calls are none of ours.
    await Promise.all([
      connection.order(`linger ${LINGER_S}`),
      connection.order(`filter Unique-ID ${uuid}`),
      connection.order(`filter Task-Group ${uuid}`),
      connection.order(`event plain ${plain.join(" ")} CUSTOM ${custom.join(" ")}`),
    ]);
  }

  async api(command: string, signal: AbortSignal = this.signal): Promise<string> {
    return (await abortable(this.connection.api(command), signal)).trimEnd();
  }

  sendmsg(headers: Readonly<Record<string, string>>): Promise<void> {
    return this.connection.sendmsg(headers);
  }

  /** Runs an application of the dialplan. Resolves when it is queued. */
  execute(application: string, argument = ""): Promise<void> {
    const name = { "call-command": "execute", "execute-app-name": application };
    return this.sendmsg(argument === "" ? name : { ...name, "execute-app-arg": argument });
  }

  on(name: MediaEventName, listener: Listener): () => void {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** The leg has ended for a reason of its own. */
  leave(): void {
    this.#gone.abort(new OutsideError("gone", "The call is not lent any more."));
  }

  #happened(event: EslEvent): void {
    this.#onEvent(event);
    const { name } = event;
    if (name === "CHANNEL_HANGUP") this.#end({ how: "hungUp", cause: causeOf(event.get("Hangup-Cause")) });
    // The dialplan's `socket` is over while we are still connected: somebody has sent the call elsewhere.
    else if (name === "CHANNEL_EXECUTE_COMPLETE" && event.get("Application") === "socket")
      this.#end({ how: "taken", cause: "normal" });
    this.#tell(name === "CUSTOM" ? event.get("Event-Subclass") : name, event);
  }

  #tell(name: string, event: EslEvent): void {
    const listeners = this.#listeners.get(name);
    if (!listeners || listeners.size === 0) return;
    for (const listener of [...listeners]) listener(event);
  }

  #noticed({ type, head }: EslMessage): void {
    // The first notice says that the channel is down while the connection stays for its last events.
    if (type === "text/disconnect-notice" && head.get("Content-Disposition") === "linger")
      this.#end({ how: "hungUp", cause: "normal" });
  }

  #end(end: ChannelEnd): void {
    if (this.#gone.signal.aborted) return;
    this.leave();
    this.#onEnd(end);
  }
}
