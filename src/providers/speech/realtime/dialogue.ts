import type { Frame } from "../../../audio/frame.ts";
import { ulaw } from "../../../audio/g711.ts";
import type { Resampler, Resampling } from "../../../audio/resample.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import {
  type Dialogue,
  type DialogueEvents,
  type DialogueReplyEvents,
  ProviderError,
  type ProviderErrorCode,
} from "../../../conversation/providers.ts";
import { billOf } from "../../llm/bill.ts";
import { ProviderSocket } from "../../socket.ts";
import { type Coding, resamplingLoaded } from "../../tts/live/sound.ts";
import type { RealtimeOptions } from "./options.ts";
import {
  codingOf,
  type Opening,
  responseCreate,
  type ServerEvent,
  serverEvent,
  sessionUpdate,
  toolResult,
  userText,
} from "./protocol.ts";
import { Response } from "./response.ts";
import { Utterances } from "./utterances.ts";

export interface RealtimeDialogueOptions {
  readonly provider: string;
  readonly options: RealtimeOptions;
  readonly opening: Opening;
  readonly clock: Clock;
  readonly events: DialogueEvents;
  readonly signal: AbortSignal;
}

// What waits for the connection: ten seconds of sound. The oldest is forgotten.
const WAITING_MAX = 500;
// A response that was cancelled ends within this, or the server hangs.
const CANCEL_MS = 2_000;
// The server refuses utterances that are shorter.
const UTTERANCE_MIN_MS = 100;

/** One call's websocket to a realtime server. What it is told while it connects is kept, and sent in order. */
export class RealtimeDialogue implements Dialogue {
  readonly listens: boolean;
  readonly #setup: RealtimeDialogueOptions;
  readonly #coding: Coding;
  readonly #socket: ProviderSocket;
  readonly #utterances: Utterances;
  readonly #waiting: (object | Frame)[] = [];
  readonly #connecting: Timer;
  readonly #onAbort = (): void => this.#close();
  #resampling: Resampling | undefined;
  #up: Resampler | undefined;
  #updated = false;
  #ready = false;
  #over = false;
  #pushedMs = 0;
  /** The response that the server is at, and what is asked for when that is over. */
  #response: Response | undefined;
  #next: Response | undefined;
  #deadline: Timer | undefined;

  constructor(setup: RealtimeDialogueOptions) {
    const { provider, options, opening, clock, signal, events } = setup;
    this.#setup = setup;
    this.listens = options.serverVad;
    this.#coding = codingOf(options, opening.rate);
    this.#utterances = new Utterances({ listens: options.serverVad, words: (words) => events.words(words) });
    const key = options.apiKey?.current();
    this.#socket = new ProviderSocket({
      provider,
      url: `${options.baseUrl}/realtime?model=${encodeURIComponent(options.model)}`,
      headers: {
        ...(key !== undefined && { authorization: `Bearer ${key}` }),
        ...(options.protocol === "beta" && { "openai-beta": "realtime=v1" }),
      },
      clock,
      connectMs: options.connectMs,
      events: { open: () => {}, text: (text) => this.#hear(text), lost: (error) => this.#lose(error) },
    });
    this.#connecting = clock.after(options.connectMs, () =>
      this.#fail("timeout", `no conversation within ${options.connectMs} ms`),
    );
    signal.addEventListener("abort", this.#onAbort, { once: true });
    if (signal.aborted) this.#close();
    else void this.#loadResampling();
  }

  push(frame: Frame): void {
    this.#pushedMs += (frame.pcm.length * 1000) / frame.rate;
    if (this.#ready) this.#sendSound(frame);
    else this.#keep({ pcm: frame.pcm.slice(), rate: frame.rate });
  }

  commit(): number | undefined {
    if (this.listens) return this.#utterances.claim();
    if (this.#over || this.#pushedMs < UTTERANCE_MIN_MS) return undefined;
    this.#pushedMs = 0;
    this.#send({ type: "input_audio_buffer.commit" });
    return this.#utterances.commit();
  }

  tell(text: string): void {
    this.#send(userText(text));
  }

  result({ id }: { readonly id: string }, result: string): void {
    this.#send(toolResult(id, result));
  }

  reply({ say, events }: { readonly say?: string; readonly events: DialogueReplyEvents }) {
    const { provider, opening } = this.#setup;
    const asked = new Response({ provider, say, coding: this.#coding, rate: opening.rate, events });
    this.#next = asked;
    this.#ask();
    return { cancel: (heardMs: number) => this.#cancel(asked, heardMs) };
  }

  /** One at a time: the server refuses a second. And none before the caller's last words are in the conversation. */
  #ask(): void {
    const next = this.#next;
    if (!next || this.#response || this.#over || !this.#ready || this.#utterances.hearing) return;
    this.#next = undefined;
    this.#response = next;
    next.begin(this.#coding.rate === next.rate ? undefined : this.#resampling);
    this.#send(responseCreate(next.say));
    const { firstMs } = this.#setup.options;
    this.#within(firstMs, `nothing of a reply within ${firstMs} ms`);
  }

  #cancel(response: Response, heardMs: number): void {
    if (this.#next === response) this.#next = undefined;
    if (this.#over || response.cancelled) return;
    response.heardMs = heardMs;
    if (response.done) for (const message of response.forget()) this.#send(message);
    else if (this.#response === response && response.id !== undefined) this.#stop(response.id);
  }

  #stop(id: string): void {
    this.#send({ type: "response.cancel", response_id: id });
    this.#within(CANCEL_MS, `a cancelled reply did not end within ${CANCEL_MS} ms`);
  }

  // What the server says.

  #hear(text: string): void {
    let event: ServerEvent;
    try {
      event = serverEvent.parse(JSON.parse(text));
    } catch (error) {
      this.#fail("protocol", "it sent what is no part of the protocol", error);
      return;
    }
    try {
      this.#take(event);
    } catch (error) {
      if (error instanceof ProviderError) this.#lose(error);
      else throw error;
    }
  }

  #take(event: ServerEvent): void {
    const { options, opening, events } = this.#setup;
    switch (event.type) {
      case "session.created":
        if (!this.#updated) this.#socket.send(JSON.stringify(sessionUpdate(options, opening)));
        return;
      case "session.updated":
        this.#updated = true;
        this.#begin();
        return;
      case "input_audio_buffer.speech_started":
        this.#utterances.started(event.item_id ?? "");
        events.speech();
        return;
      case "input_audio_buffer.committed":
        this.#utterances.committed(event.item_id ?? "");
        this.#ask();
        return;
      case "conversation.item.input_audio_transcription.delta":
        this.#utterances.delta(event.item_id ?? "", event.delta ?? "");
        return;
      case "conversation.item.input_audio_transcription.completed":
        this.#utterances.completed(event.item_id ?? "", event.transcript ?? "");
        return;
      case "conversation.item.input_audio_transcription.failed":
        this.#utterances.completed(event.item_id ?? "", "");
        return;
      case "error":
        this.#onError(event);
        return;
      default:
        this.#takeOfResponse(event);
    }
  }

  /** Under both the names that they have and those that they had. */
  #takeOfResponse(event: ServerEvent): void {
    const response = this.#response;
    const { type, response: told, item } = event;
    if (type === "response.created") this.#created(told?.id ?? "");
    if (!response || (event.response_id ?? told?.id) !== response.id) return;
    if (type === "response.output_audio.delta" || type === "response.audio.delta") {
      this.#within(this.#setup.options.stallMs, "it fell silent in the middle of a reply");
      response.audio(event.item_id ?? "", Buffer.from(event.delta ?? "", "base64"));
    } else if (type === "response.output_audio_transcript.delta" || type === "response.audio_transcript.delta")
      response.words(event.delta ?? "");
    else if (type === "response.output_item.done" && item?.type === "function_call")
      response.tool({ id: item.call_id ?? "", name: item.name ?? "", input: item.arguments ?? "" });
    else if (type === "response.done") this.#ended(response, event);
  }

  #created(id: string): void {
    const response = this.#response;
    if (!response || response.id !== undefined) {
      // Nobody asked for it: a server that answers by itself whatever it was told.
      this.#send({ type: "response.cancel", response_id: id });
      return;
    }
    response.id = id;
    if (response.cancelled) this.#stop(id);
  }

  #ended(response: Response, { response: told }: ServerEvent): void {
    this.#deadline?.cancel();
    this.#response = undefined;
    const { provider, options, events } = this.#setup;
    const { usage, status, status_details: details } = told ?? {};
    if (usage)
      events.usage(
        billOf(provider, options.prices, {
          input: usage.input_tokens ?? 0,
          cached: usage.input_token_details?.cached_tokens ?? 0,
          output: usage.output_tokens ?? 0,
        }),
      );
    if (!response.cancelled && (status === "failed" || response.empty)) {
      response.close();
      const code = details?.error?.code ?? details?.error?.type ?? details?.reason ?? status ?? "";
      this.#fail(codeOf(code), status === "failed" ? `a reply failed (${code})` : "an empty reply");
      return;
    }
    response.end();
    if (response.cancelled) for (const message of response.forget()) this.#send(message);
    this.#ask();
  }

  #onError({ error }: ServerEvent): void {
    const code = error?.code ?? error?.type ?? "";
    // It had just ended: its `response.done` is on the way, or was here.
    if (code === "response_cancel_not_active") return;
    if (code === "input_audio_buffer_commit_empty") this.#utterances.refused();
    // Of what is asked for nothing will come, and of the conversation nothing without its settings.
    else if (!this.#updated || (this.#response && this.#response.id === undefined))
      this.#fail(codeOf(code), `it refused (${code}): ${(error?.message ?? "").slice(0, 200)}`);
  }

  // To the server.

  async #loadResampling(): Promise<void> {
    const { rate } = this.#setup.opening;
    try {
      if (this.#coding.rate !== rate) this.#resampling = await resamplingLoaded();
    } catch (error) {
      this.#fail("missing", "the resampler could not be loaded", error);
      return;
    }
    if (this.#over) return;
    this.#up = this.#resampling?.open({ from: rate, to: this.#coding.rate });
    this.#begin();
  }

  #begin(): void {
    if (this.#ready || this.#over || !this.#updated) return;
    if (this.#coding.rate !== this.#setup.opening.rate && !this.#resampling) return;
    this.#connecting.cancel();
    this.#ready = true;
    for (const kept of this.#waiting.splice(0)) {
      if ("pcm" in kept) this.#sendSound(kept as Frame);
      else this.#send(kept);
    }
    this.#ask();
  }

  #send(message: object): void {
    if (this.#ready) this.#socket.send(JSON.stringify(message));
    else this.#keep(message);
  }

  #keep(kept: object | Frame): void {
    if (this.#over) return;
    if (this.#waiting.length >= WAITING_MAX) this.#waiting.shift();
    this.#waiting.push(kept);
  }

  #sendSound({ pcm }: Frame): void {
    const sound = this.#up?.process(pcm) ?? pcm;
    if (sound.length === 0) return;
    let bytes: Buffer;
    if (this.#coding.kind === "mulaw") {
      bytes = Buffer.alloc(sound.length);
      ulaw.encode(sound, bytes);
    } else bytes = Buffer.from(sound.buffer, sound.byteOffset, sound.byteLength);
    this.#send({ type: "input_audio_buffer.append", audio: bytes.toString("base64") });
  }

  // How it ends.

  #within(ms: number, message: string): void {
    this.#deadline?.cancel();
    this.#deadline = this.#setup.clock.after(ms, () => this.#fail("timeout", message));
  }

  #fail(code: ProviderErrorCode, message: string, cause?: unknown): void {
    this.#lose(new ProviderError(this.#setup.provider, code, message, cause === undefined ? {} : { cause }));
  }

  #lose(error: ProviderError): void {
    if (this.#over) return;
    this.#close();
    this.#setup.events.lost(error);
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ready = false;
    this.#setup.signal.removeEventListener("abort", this.#onAbort);
    this.#connecting.cancel();
    this.#deadline?.cancel();
    this.#waiting.length = 0;
    this.#response?.close();
    this.#up?.close();
    this.#socket.close();
  }
}

function codeOf(code: string): ProviderErrorCode {
  if (/rate_limit|quota|overload|server_busy/.test(code)) return "overloaded";
  if (/invalid|auth|permission|model_not_found/.test(code)) return "refused";
  return /server_error|internal/.test(code) ? "unreachable" : "protocol";
}
