import type { Behaviour } from "./behaviour.ts";
import { type Answering, FakeHttpServer } from "./http-server.ts";
import { responseEvents } from "./responses.ts";
import { streamEvents } from "./sse.ts";

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

/** Speaks POST /chat/completions and /responses as a stream of server-sent events, as the vendor and the servers compatible with it do. */
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

  async #respond(answering: Answering): Promise<void> {
    const { asked, response } = answering;
    const body = JSON.parse(asked.body || "{}") as ChatBody;
    if (asked.path === "/v1/chat/completions")
      await streamEvents(answering, {
        events: () => chatEvents(body, this.answer(body)),
        empty: () => chatEvents(body, {}),
      });
    else if (asked.path === "/v1/responses") {
      // There, what is told stands under another name.
      const told = { ...body, messages: (body.input ?? []) as ChatBody["messages"] };
      await streamEvents(answering, {
        events: () => responseEvents(body.model, this.answer(told)),
        empty: () => responseEvents(body.model, {}),
      });
    } else response.writeHead(404).end();
  }
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
