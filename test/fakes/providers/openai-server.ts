import type { ServerResponse } from "node:http";
import { type Behaviour, pause } from "./behaviour.ts";
import { type Answering, FakeHttpServer } from "./http-server.ts";

export interface FakeAnswer {
  /** Streamed word by word. */
  readonly text?: string;
  readonly tools?: readonly { readonly id?: string; readonly name: string; readonly arguments: string }[];
  readonly finish?: string;
  /** What was heard before it (a reasoning model's thoughts in their own field). */
  readonly reasoning?: string;
}

export interface ChatBody {
  readonly model: string;
  readonly stream: boolean;
  readonly messages: readonly {
    readonly role: string;
    readonly content: string | null;
    readonly [key: string]: unknown;
  }[];
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
  readonly [key: string]: unknown;
}

/** Says what to answer to a request; the default repeats the question. */
export type Answer = (body: ChatBody) => FakeAnswer;

const repeat: Answer = ({ messages }) => ({
  text: `You asked: ${messages.findLast(({ role }) => role === "user")?.content ?? "nothing"} That I can tell you.`,
});

/** Speaks POST /chat/completions as a stream of server-sent events, as the vendor and the servers compatible with it do. */
export class FakeOpenAi extends FakeHttpServer {
  answer: Answer = repeat;

  constructor(mood?: Behaviour) {
    super(mood, (answering) => this.#respond(answering));
  }

  get baseUrl(): string {
    return `${this.url}/v1`;
  }

  /** What was asked for, in order. */
  get bodies(): ChatBody[] {
    return this.requests.map(({ body }) => JSON.parse(body) as ChatBody);
  }

  async #respond({ asked, response, fault, moods }: Answering): Promise<void> {
    const { socket } = response;
    if (!socket || asked.path !== "/v1/chat/completions") {
      response.writeHead(404).end();
      return;
    }
    const body = JSON.parse(asked.body) as ChatBody;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    if (!(await pause(moods.firstMs, socket))) return;
    if (fault === "garbage") {
      response.end("data: {this is no JSON\n\n");
      return;
    }
    const events = fault === "empty" ? chatEvents(body, {}) : chatEvents(body, this.answer(body));
    const half = fault === "stall" || fault === "close" ? Math.ceil(events.length / 2) : events.length;
    for (const event of events.slice(0, half)) {
      response.write(event);
      if (moods.perSecond > 0 && !(await pause(1000 / moods.perSecond, socket))) return;
    }
    finish(response, fault);
  }
}

function finish(response: ServerResponse, fault: string | number | undefined): void {
  if (fault === "stall") return;
  // What was written is to arrive before the connection breaks.
  if (fault === "close") response.write(": ", () => response.socket?.destroy());
  else response.end();
}

function chatEvents(
  { model, stream_options }: ChatBody,
  { text = "", tools = [], finish: reason, reasoning }: FakeAnswer,
): string[] {
  const chunk = (choices: object[], usage: object | null = null) =>
    `data: ${JSON.stringify({ id: "chatcmpl-1", object: "chat.completion.chunk", created: 1_764_000_000, model, choices, usage })}\n\n`;
  const delta = (piece: object) => chunk([{ index: 0, delta: piece, finish_reason: null }]);
  const calls = tools.flatMap(({ id, name, arguments: whole }, index) => [
    delta({ tool_calls: [{ index, id: id ?? `call_${index}`, type: "function", function: { name, arguments: "" } }] }),
    ...(whole.match(/[\s\S]{1,12}/g) ?? []).map((piece) =>
      delta({ tool_calls: [{ index, function: { arguments: piece } }] }),
    ),
  ]);
  const words = text.match(/\S+\s*/g) ?? [];
  const usage = {
    prompt_tokens: 120,
    completion_tokens: words.length,
    total_tokens: 120 + words.length,
    prompt_tokens_details: { cached_tokens: 100 },
  };
  return [
    delta({ role: "assistant", content: "" }),
    ...(reasoning ? [delta({ reasoning_content: reasoning })] : []),
    ...words.map((word) => delta({ content: word })),
    ...calls,
    chunk([{ index: 0, delta: {}, finish_reason: reason ?? (tools.length > 0 ? "tool_calls" : "stop") }]),
    ...((stream_options as { include_usage?: boolean } | undefined)?.include_usage ? [chunk([], usage)] : []),
    "data: [DONE]\n\n",
  ];
}
