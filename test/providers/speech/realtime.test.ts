import { afterEach, describe, expect, test } from "vitest";
import { type Frame, samplesPerFrame } from "../../../src/audio/frame.ts";
import type {
  Dialogue,
  ProviderError,
  SpeechToSpeech,
  ToolRequest,
  Usage,
} from "../../../src/conversation/providers.ts";
import { realtime } from "../../../src/providers/speech/realtime.ts";
import type { Fault } from "../../fakes/providers/behaviour.ts";
import { FakeRealtime } from "../../fakes/providers/realtime-server.ts";
import { CHARACTER_MS } from "../../fakes/providers/voice-sound.ts";
import { context } from "../contract/context.ts";

type Opening = Parameters<SpeechToSpeech["open"]>[0];

// A busy machine is no fault of the server's: only who waits for a deadline has a short one.
const PATIENT = { connectMs: 10_000, firstMs: 10_000, stallMs: 10_000 };
const QUICK = { connectMs: 1_000, firstMs: 1_000, stallMs: 500 };
const TOOL = { name: "transfer", description: "Puts through.", parameters: { type: "object" } };

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function serverOf(options?: { beta?: boolean }): Promise<FakeRealtime> {
  const server = await new FakeRealtime(undefined, options).listen();
  closing.push(() => server.close());
  return server;
}

/** One call's side of a dialogue, and all that it was told. */
class Talk {
  readonly words: string[] = [];
  readonly usage: Usage[] = [];
  readonly lost: ProviderError[] = [];
  speeches = 0;
  readonly dialogue: Dialogue;
  readonly #rate: Opening["rate"];
  readonly #abort = new AbortController();

  constructor(server: FakeRealtime, options: object = {}, opening: Partial<Opening> = {}) {
    const given = { baseUrl: server.wsUrl, apiKey: "sk-right", ...PATIENT, ...options };
    const model = realtime.create(realtime.schema.parse(given), context);
    this.#rate = opening.rate ?? 8000;
    this.dialogue = model.open({
      instructions: "You are the clinic's receptionist.",
      language: "en-GB",
      voice: "",
      hints: ["Dr Novak"],
      tools: [TOOL],
      ...opening,
      rate: this.#rate,
      events: {
        speech: () => {
          this.speeches += 1;
        },
        words: ({ utterance, text, final }) => void this.words.push(`${utterance}${final ? "" : "…"} ${text}`),
        usage: (usage) => void this.usage.push(usage),
        lost: (error) => void this.lost.push(error),
      },
      signal: this.#abort.signal,
    });
    closing.push(() => this.#abort.abort());
  }

  say(ms: number, level = 6_000): number | undefined {
    for (let at = 0; at < ms; at += 20)
      this.dialogue.push({ pcm: new Int16Array(samplesPerFrame(this.#rate)).fill(level), rate: this.#rate });
    return this.dialogue.commit();
  }

  reply(say?: string): Reply {
    return new Reply(this.dialogue, say);
  }
}

class Reply {
  readonly frames: Frame[] = [];
  readonly tools: ToolRequest[] = [];
  text = "";
  done = false;
  readonly cancel: (heardMs: number) => void;

  constructor(dialogue: Dialogue, say: string | undefined) {
    const asked = dialogue.reply({
      ...(say !== undefined && { say }),
      events: {
        audio: (frame) => void this.frames.push(frame),
        words: (text) => {
          this.text += text;
        },
        tool: (request) => void this.tools.push(request),
        done: () => {
          this.done = true;
        },
      },
    });
    this.cancel = (heardMs) => asked.cancel(heardMs);
  }

  get ms(): number {
    return this.frames.reduce((sum, { pcm, rate }) => sum + (pcm.length * 1000) / rate, 0);
  }

  get loudest(): number {
    return Math.max(...this.frames.map(({ pcm }) => Math.max(...pcm)));
  }
}

const until = (holds: () => boolean) => expect.poll(holds, { timeout: 5_000, interval: 5 }).toBe(true);

describe.each([
  { what: "the present protocol, µ-law", beta: false, rate: 8000, coding: "mulaw" },
  { what: "the present protocol, PCM", beta: false, rate: 16_000, coding: "pcm" },
  { what: "the earlier protocol, µ-law", beta: true, rate: 8000, coding: "mulaw" },
  { what: "the earlier protocol, PCM", beta: true, rate: 8000, coding: "pcm" },
] as const)("a realtime server: $what", ({ beta, rate, coding }) => {
  test("hears the caller, answers at the call's rate, says what was understood, and what it took", async () => {
    const server = await serverOf({ beta });
    server.hears = ["when are you open"];
    const prices = { input: 4, cachedInput: 0.4, output: 16 };
    const talk = new Talk(server, { protocol: beta ? "beta" : "ga", coding, prices }, { rate });
    expect(talk.say(400)).toBe(1);
    const reply = talk.reply();
    await until(() => reply.done);
    expect(reply.text).toBe("You said when are you open.");
    expect(Math.abs(reply.ms - reply.text.length * CHARACTER_MS)).toBeLessThanOrEqual(20);
    expect(reply.frames.slice(0, -1).every((frame) => frame.rate === rate && frame.pcm.length === rate / 50)).toBe(
      true,
    );
    expect(reply.loudest).toBeGreaterThan(7_500);
    expect(talk.words).toEqual(
      ["1… when are ", "1 when are you open"].map((words) => expect.stringContaining(words.trim())),
    );
    expect(talk.usage).toEqual([
      {
        provider: "realtime",
        inputTokens: 100,
        cachedTokens: 60,
        outputTokens: 40,
        cost: (40 * 4 + 60 * 0.4 + 40 * 16) / 1e6,
      },
    ]);
    expect(server.errors).toEqual([]);
    const { headers, query, path } = server.handshakes[0] ?? {};
    expect(path).toBe("/realtime");
    expect(query?.get("model")).toBe("gpt-realtime");
    expect(headers?.authorization).toBe("Bearer sk-right");
    expect(headers?.["openai-beta"]).toBe(beta ? "realtime=v1" : undefined);
  });
});

describe("a realtime server", () => {
  test("is set up with the agent, and never to answer or fall silent by itself", async () => {
    const server = await serverOf();
    const talk = new Talk(server, { serverVad: true }, { voice: "marin" });
    await until(() => server.said.length > 0);
    expect(server.said[0]).toEqual({
      type: "session.update",
      session: {
        type: "realtime",
        output_modalities: ["audio"],
        instructions: "You are the clinic's receptionist.",
        audio: {
          input: {
            format: { type: "audio/pcmu" },
            transcription: { model: "gpt-transcribe", language: "en", prompt: "Dr Novak" },
            turn_detection: {
              type: "server_vad",
              silence_duration_ms: 300,
              create_response: false,
              interrupt_response: false,
            },
          },
          output: { format: { type: "audio/pcmu" }, voice: "marin" },
        },
        tools: [{ type: "function", ...TOOL }],
        tool_choice: "auto",
      },
    });
    await until(() => server.conversations.length === 1);
    server.conversations[0]?.speechStarted();
    await until(() => talk.speeches === 1);
  });

  test("is told what was heard of a reply that was cut off, and answers the next question", async () => {
    const server = await serverOf();
    server.moods.set({ perSecond: 4 });
    server.hears = ["one", "two"];
    const talk = new Talk(server);
    talk.say(300);
    const first = talk.reply();
    await until(() => first.ms >= 600);
    first.cancel(450.7);
    const ms = first.ms;
    talk.say(300);
    const second = talk.reply();
    await until(() => second.done);
    expect(first.ms).toBe(ms);
    expect(first.done).toBe(false);
    expect(second.text).toBe("You said two.");
    expect([...server.items.values()].map(({ endMs }) => endMs)).toEqual([450, undefined]);
    expect(server.errors).toEqual([]);
  });

  test("forgets a reply of which nothing was heard", async () => {
    const server = await serverOf();
    const talk = new Talk(server);
    const reply = talk.reply("Hello.");
    await until(() => reply.done);
    expect(reply.text).toBe("Hello.");
    reply.cancel(0);
    await until(() => server.items.size === 0);
    expect(server.errors).toEqual([]);
  });

  test("says the agent's own sentences, and is given tools' results", async () => {
    const server = await serverOf();
    server.answer = (_, results) =>
      results.length === 0 ? { tool: { name: "transfer", input: '{"target":"sales"}' } } : { text: results.join() };
    const talk = new Talk(server);
    talk.say(300);
    const first = talk.reply();
    await until(() => first.done);
    expect(first.tools).toEqual([
      { id: expect.stringMatching(/^call_/), name: "transfer", input: { target: "sales" } },
    ]);
    talk.dialogue.result(first.tools[0] ?? { id: "" }, "Nobody is there.");
    const second = talk.reply();
    await until(() => second.done);
    expect(second.text).toBe("Nobody is there.");
  });

  test("is not asked to hear what is too short for it", async () => {
    const server = await serverOf();
    const talk = new Talk(server);
    expect(talk.say(60)).toBeUndefined();
    expect(talk.say(100)).toBe(1);
    await until(() => talk.words.length > 0);
    expect(server.errors).toEqual([]);
  });

  test("that answers by itself is not listened to", async () => {
    const server = await serverOf();
    const talk = new Talk(server);
    await until(() => server.said.length > 0);
    server.conversations[0]?.send({ type: "response.created", response: { id: "resp_own" } });
    await until(() => server.said.some((one) => (one as { type: string }).type === "response.cancel"));
    const reply = talk.reply("Hello.");
    await until(() => reply.done);
    expect(talk.lost).toEqual([]);
  });
});

const FAULTS: readonly (readonly [Fault, string])[] = [
  ["refuse", "unreachable"],
  [401, "refused"],
  [429, "overloaded"],
  [500, "unreachable"],
  ["silent", "timeout"],
  ["stall", "timeout"],
  ["garbage", "protocol"],
  ["empty", "protocol"],
  ["close", "unreachable"],
];

describe.each(FAULTS)("a realtime server in trouble: %s", (fault, code) => {
  test("is lost once, with why, and nothing comes of it afterwards", async () => {
    const server = await serverOf();
    server.moods.set({ fault });
    const talk = new Talk(server, code === "timeout" ? QUICK : {});
    talk.say(300);
    const reply = talk.reply();
    await until(() => talk.lost.length > 0);
    expect(talk.lost.map((error) => error.code)).toEqual([code]);
    expect(reply.done).toBe(false);
    talk.say(300);
    talk.reply().cancel(0);
    expect(talk.lost).toHaveLength(1);
  });
});
