import type { Leg, Next } from "./engine.ts";

/** What a model asked for, as a journal keeps it. */
export interface JournalledTool {
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One step of a call's course. A few of them are a turn. */
export type CourseEvent =
  /** The caller's words and keys, for which an answer is being made. */
  | { readonly type: "asked"; readonly text: string }
  /** The agent is heard: from here on the question counts as answered. `pieces`: what is known of the reply so far. */
  | { readonly type: "saying"; readonly kind: string; readonly pieces: readonly string[] }
  /** The reply goes on: more of its pieces, what it asks for, or which piece the caller is hearing. */
  | { readonly type: "piece"; readonly text: string }
  | { readonly type: "tools"; readonly tools: readonly JournalledTool[] }
  | { readonly type: "at"; readonly piece: number }
  /** The reply is over: what was heard of it, and what it asked for. */
  | { readonly type: "heard"; readonly text: string; readonly tools: readonly JournalledTool[] }
  | { readonly type: "tool"; readonly id: string; readonly result: string }
  /** A key, outside protected passages. */
  | { readonly type: "key"; readonly digit: string }
  /** From here on another language is spoken. */
  | { readonly type: "language"; readonly language: string }
  /** The conversation is over: what the dialplan is about to be told. */
  | { readonly type: "left"; readonly next: Next };

/** Where a call's course is written down as it happens. Both return at once, never throw, and keep their order. */
export interface CourseWriter {
  write(event: CourseEvent): void;
  /** Resolves when what was written so far outlives this process, and after a short while in any case. Never rejects. */
  kept?(): Promise<void>;
  /** The call is over, or is somebody else's business: what was written of it is removed. */
  end(): void;
  /** The call may come back: what was written stays, for whoever is lent it then. Resolves when it is on the disk. */
  park?(): Promise<void>;
}

/** A reply that was cut off with its worker. */
export interface CutReply {
  readonly kind: string;
  readonly pieces: readonly string[];
  /** The piece that the caller was hearing. */
  readonly at: number;
  readonly tools: readonly JournalledTool[];
}

/** What happened in a call, for whoever goes on with it. */
export interface Course {
  /** The agent that has the call. */
  readonly agent: string;
  /** What a model is told: the caller's words, and those of the agent that were heard. */
  readonly history: readonly CourseMessage[];
  /** What the caller said, and nobody has answered. */
  readonly asked: string;
  /** Keys that nobody has answered. */
  readonly keys: string;
  readonly cut?: CutReply;
  /** The one that is spoken, where it is not the agent's first. */
  readonly language?: string;
  /** The conversation was over, and the dialplan may not have heard what comes next: that is all there is left to do. */
  readonly left?: Next;
}

export type CourseMessage =
  | { readonly role: "caller"; readonly text: string }
  | { readonly role: "agent"; readonly text: string; readonly tools: readonly JournalledTool[] }
  | { readonly role: "tool"; readonly id: string; readonly result: string };

/** What a journal must know of a call. */
export type JournalledCall = Pick<Leg, "id" | "from" | "to" | "direction"> & {
  readonly engine: string;
  /** As the leg has it. */
  readonly shaken?: boolean;
};

/**
 * `mine`: this worker has the call now, and whoever had it before writes into the void. `refused`: somebody else has gone on
 * with it already, or died with it: it is not to be tried a third time. `none`: nothing is known of it.
 */
export type Claim =
  | { readonly type: "mine"; readonly course: Course; readonly writer: CourseWriter }
  | { readonly type: "refused" }
  | { readonly type: "none" };

/** The courses of the calls that are up, shared by all workers. */
export interface CallJournal {
  /** A call is lent for the first time. */
  begin(call: JournalledCall, agent: string): CourseWriter;
  /** A call whose worker has died is offered once more. Never rejects. */
  claim(call: JournalledCall): Promise<Claim>;
  /** A call that was parked is back: lent to one worker alone. Never rejects. */
  takeBack?(call: JournalledCall): Promise<Claim>;
  /** A parked call will not come back. Returns at once. */
  forget?(call: Pick<JournalledCall, "id" | "engine">): void;
}

/** The course that these events are. Whatever order or number they come in, it is one. */
export function courseOf(agent: string, events: Iterable<CourseEvent>): Course {
  const history: CourseMessage[] = [];
  let [asked, keys] = ["", ""];
  let left: Next | undefined;
  let language: string | undefined;
  let cut: { kind: string; pieces: string[]; at: number; tools: readonly JournalledTool[] } | undefined;
  const answered = (): void => {
    if (asked !== "") history.push({ role: "caller", text: asked });
    [asked, keys] = ["", ""];
  };
  for (const event of events) {
    if (event.type === "asked") [asked, keys] = [event.text, ""];
    else if (event.type === "saying") {
      answered();
      cut = { kind: event.kind, pieces: [...event.pieces], at: 0, tools: [] };
    } else if (event.type === "piece") cut?.pieces.push(event.text);
    else if (event.type === "tools" && cut) cut.tools = event.tools;
    else if (event.type === "at" && cut) cut.at = event.piece;
    else if (event.type === "heard") {
      answered();
      cut = undefined;
      const { text, tools } = event;
      if (text !== "" || tools.length > 0) history.push({ role: "agent", text, tools });
    } else if (event.type === "tool") history.push({ role: "tool", id: event.id, result: event.result });
    else if (event.type === "key") keys += event.digit;
    else if (event.type === "language") language = event.language;
    else if (event.type === "left") left = event.next;
  }
  const spoken = language !== undefined && { language };
  return { agent, history, asked, keys, ...spoken, ...(cut && { cut }), ...(left && { left }) };
}
