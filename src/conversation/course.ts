import type { Clock, Timer } from "../base/clock.ts";
import type { CourseWriter } from "../call/journal.ts";
import type { ReplyKind } from "./exchange.ts";
import type { ToolRequest } from "./providers.ts";
import type { Reply } from "./reply.ts";

/** Of a model that speaks itself the sentences are not known ahead. */
type Sounding = Pick<Reply, "tools" | "heardMs"> & {
  readonly spoken: Pick<Reply["spoken"], "pieceAt">;
  readonly pieces?: readonly string[];
};

/** How far behind the caller's ear the journal may be. */
const LOOK_MS = 200;

/** Tells the journal how the conversation goes, so that another worker can go on with it in mid-sentence. */
export class CourseTeller {
  readonly #clock: Clock;
  readonly #writer: CourseWriter | undefined;
  #timer: Timer | undefined;
  #reply: Sounding | undefined;
  #pieces = 0;
  #tools = 0;
  #at = 0;

  constructor(clock: Clock, writer: CourseWriter | undefined) {
    this.#clock = clock;
    this.#writer = writer;
  }

  asked(text: string): void {
    if (text !== "") this.#writer?.write({ type: "asked", text });
  }

  /** The reply's first frame is on its way. */
  saying(kind: ReplyKind, reply: Sounding): void {
    if (!this.#writer) return;
    this.#stop();
    this.#reply = reply;
    this.#pieces = (reply.pieces ?? []).length;
    this.#writer.write({ type: "saying", kind, pieces: [...(reply.pieces ?? [])] });
    this.#look();
    this.#timer = this.#clock.every(LOOK_MS, () => this.#look());
  }

  /** The reply is over, or none was needed. */
  heard(text: string, tools: readonly ToolRequest[]): void {
    this.#stop();
    this.#writer?.write({ type: "heard", text, tools: tools.map(plainTool) });
  }

  tool({ id }: ToolRequest, result: string): void {
    this.#writer?.write({ type: "tool", id, result });
  }

  close(): void {
    this.#stop();
  }

  #look(): void {
    const [reply, writer] = [this.#reply, this.#writer];
    if (!reply || !writer) return;
    for (const text of (reply.pieces ?? []).slice(this.#pieces)) writer.write({ type: "piece", text });
    this.#pieces = (reply.pieces ?? []).length;
    if (reply.tools.length > this.#tools) writer.write({ type: "tools", tools: reply.tools.map(plainTool) });
    this.#tools = reply.tools.length;
    const at = reply.spoken.pieceAt(reply.heardMs);
    if (at > this.#at) writer.write({ type: "at", piece: at });
    this.#at = Math.max(at, this.#at);
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#reply = undefined;
    [this.#pieces, this.#tools, this.#at] = [0, 0, 0];
  }
}

const plainTool = ({ id, name, input }: ToolRequest) => ({ id, name, input });
