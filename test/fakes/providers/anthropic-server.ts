import type { Behaviour } from "./behaviour.ts";
import { type Answering, FakeHttpServer } from "./http-server.ts";
import type { FakeAnswer } from "./openai-server.ts";
import { streamEvents } from "./sse.ts";

export interface MessagesBody {
  readonly model: string;
  readonly messages: readonly {
    readonly role: string;
    readonly content: readonly { readonly type: string; readonly text?: string }[];
  }[];
  readonly [key: string]: unknown;
}

/** Speaks POST /v1/messages as a stream of server-sent events. */
export class FakeAnthropic extends FakeHttpServer {
  answer: (body: MessagesBody) => FakeAnswer = ({ messages }) => ({
    text: `You asked: ${messages.at(-1)?.content.find(({ type }) => type === "text")?.text ?? "nothing"} That I can tell you.`,
  });

  constructor(mood?: Behaviour) {
    super(mood, (answering) => this.#respond(answering));
  }

  get bodies(): MessagesBody[] {
    return this.requests.map(({ body }) => JSON.parse(body) as MessagesBody);
  }

  async #respond(answering: Answering): Promise<void> {
    const { asked, response } = answering;
    if (asked.path !== "/v1/messages" || !asked.headers["anthropic-version"]) {
      response.writeHead(404).end();
      return;
    }
    const body = JSON.parse(asked.body) as MessagesBody;
    await streamEvents(answering, { events: () => events(body, this.answer(body)), empty: () => events(body, {}) });
  }
}

function events({ model }: MessagesBody, { text = "", tools = [], finish }: FakeAnswer): string[] {
  const event = (type: string, more: object = {}) => `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;
  const words = text.match(/\S+\s*/g) ?? [];
  const usage = { input_tokens: 15, cache_read_input_tokens: 100, cache_creation_input_tokens: 5, output_tokens: 1 };
  const message = { id: "msg_1", type: "message", role: "assistant", model, content: [], stop_reason: null, usage };
  const block = (index: number, start: object, deltas: object[]) => [
    event("content_block_start", { index, content_block: start }),
    ...deltas.map((delta) => event("content_block_delta", { index, delta })),
    event("content_block_stop", { index }),
  ];
  const said = words.map((word) => ({ type: "text_delta", text: word }));
  const calls = tools.flatMap(({ id, name, arguments: whole }, index) =>
    block(
      index + 1,
      { type: "tool_use", id: id ?? `toolu_${index}`, name, input: {} },
      (whole.match(/[\s\S]{1,12}/g) ?? []).map((piece) => ({ type: "input_json_delta", partial_json: piece })),
    ),
  );
  const reason = finish ?? (tools.length > 0 ? "tool_use" : "end_turn");
  return [
    event("message_start", { message }),
    event("ping"),
    ...(words.length > 0 ? block(0, { type: "text", text: "" }, said) : []),
    ...calls,
    event("message_delta", {
      delta: { stop_reason: reason, stop_sequence: null },
      usage: { output_tokens: words.length },
    }),
    event("message_stop"),
  ];
}
