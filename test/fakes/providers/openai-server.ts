import { type Behaviour, pause } from "./behaviour.ts";
import { type Answering, FakeHttpServer } from "./http-server.ts";
import { responseEvents } from "./responses.ts";
import { streamEvents } from "./sse.ts";
import { bytesOf, spoken } from "./voice-sound.ts";

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
    } else if (asked.path === "/v1/audio/speech") await speak(answering);
    else response.writeHead(404).end();
  }
}

/** POST /audio/speech: PCM at the one rate that this server has. */
async function speak({ asked, response, fault, moods }: Answering): Promise<void> {
  const { socket } = response;
  const { input, response_format } = JSON.parse(asked.body) as { input: string; response_format: string };
  if (!socket || !(await pause(moods.firstMs, socket))) return;
  const type = fault === "garbage" ? "application/json" : response_format === "pcm" ? "audio/pcm" : "audio/mpeg";
  response.writeHead(200, { "content-type": type });
  response.flushHeaders();
  const bytes = fault === "empty" ? Buffer.alloc(0) : bytesOf(spoken(input, SPEECH_HZ));
  const end = fault === "stall" || fault === "close" ? bytes.length / 2 : bytes.length;
  // Pieces end in the middle of samples, as they do on a network.
  for (let at = 0; at < end; at += PIECE_BYTES) {
    const piece = bytes.subarray(at, Math.min(at + PIECE_BYTES, end));
    response.write(piece);
    const ms = moods.perSecond > 0 ? (piece.length / 2 / SPEECH_HZ / moods.perSecond) * 1000 : 0;
    if (!(await pause(ms, socket))) return;
  }
  if (fault === "stall") return;
  if (fault === "close") response.write(Buffer.alloc(2), () => response.socket?.destroy());
  else response.end();
}

const SPEECH_HZ = 24_000;
const PIECE_BYTES = 4_801;

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
