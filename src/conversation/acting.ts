import type { Clock } from "../base/clock.ts";
import type { Log } from "../base/log.ts";
import { OVER } from "../base/signals.ts";
import type { Next } from "../call/engine.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ToolRequest } from "./providers.ts";
import { runTool, type Tool } from "./tools.ts";
import type { Waiting } from "./waiting.ts";

export interface ActingOptions {
  readonly tools: readonly Tool[];
  readonly clock: Clock;
  readonly log: Log;
  /** What is to be done stands there before it is done. */
  readonly journal?: Pick<CourseWriter, "kept"> | undefined;
  readonly limits: Pick<ConversationLimits, "toolMs" | "toolRounds">;
  /** What a caller hears who has to wait. */
  readonly waiting: Pick<Waiting, "begin" | "end">;
  /** Runs what may throw, and ends the conversation when it does. */
  readonly guard: (run: () => void) => void;
  /** What a tool did, for the model. */
  readonly result: (request: ToolRequest, text: string) => void;
  readonly leave: (next: Next) => void;
  /** All that was asked for was done. */
  readonly done: () => void;
}

const MAX_TOOLS_A_REPLY = 4;

/** Does what replies ask for: one tool after the other, each within its time, until one of them takes the call elsewhere. */
export class Acting {
  readonly #options: ActingOptions;
  readonly #abort = new AbortController();
  #requests: readonly ToolRequest[] = [];
  #ahead: readonly ToolRequest[] = [];
  #rounds = 0;

  constructor(options: ActingOptions) {
    this.#options = options;
  }

  /** The caller has said something: the model may ask for tools again. */
  heard(): void {
    this.#rounds = 0;
  }

  /** What the last reply asked for. */
  asked(requests: readonly ToolRequest[]): void {
    this.#requests = requests.slice(0, MAX_TOOLS_A_REPLY);
    this.#ahead = this.#requests;
  }

  /** What is still to be done, in its order. */
  get ahead(): readonly ToolRequest[] {
    return this.#ahead;
  }

  /** Longer than this it takes only when something is broken. */
  get longestMs(): number {
    const { limits } = this.#options;
    return this.#requests.reduce((sum, request) => sum + this.#toolMs(request), limits.toolMs);
  }

  async run(): Promise<void> {
    const { tools, clock, log, journal, limits, guard, result, leave, done } = this.#options;
    const { signal } = this.#abort;
    this.#rounds += 1;
    if (this.#rounds > limits.toolRounds) {
      leave({ next: "menu", reason: "tools" });
      return;
    }
    for (const [index, request] of this.#requests.entries()) {
      this.#ahead = this.#requests.slice(index + 1);
      this.#attend(request);
      const outcome = await runTool(tools, request, { clock, log, journal, toolMs: this.#toolMs(request), signal });
      if (signal.aborted) return;
      if ("next" in outcome) {
        this.#ahead = [];
        leave(outcome.next);
        return;
      }
      // What the caller answered to a tool is as good as words.
      if (this.#find(request)?.attends) this.#rounds = 0;
      guard(() => result(request, outcome.result));
    }
    guard(done);
  }

  /** What still runs is given up, and nothing of it is reported. May be called twice. */
  close(): void {
    this.#abort.abort(OVER);
  }

  /** Nobody talks over a tool that talks to the caller itself. */
  #attend(request: ToolRequest): void {
    const { waiting } = this.#options;
    if (this.#find(request)?.attends) waiting.end();
    else waiting.begin();
  }

  #toolMs(request: ToolRequest): number {
    return this.#find(request)?.timeoutMs ?? this.#options.limits.toolMs;
  }

  #find({ name }: ToolRequest): Tool | undefined {
    return this.#options.tools.find(({ definition }) => definition.name === name);
  }
}
