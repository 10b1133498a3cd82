import type { DeepgramClient } from "@deepgram/sdk";
import type { SampleRate } from "../../../audio/frame.ts";
import type { Clock } from "../../../base/clock.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import { DeepgramLine, type Sdk } from "../../deepgram-line.ts";
import type { Key } from "../../key.ts";
import type { LiveHearing, Pause, Wire } from "../live/hearing.ts";
import { encoder, keyterms } from "./options.ts";

type NovaSocket = Awaited<ReturnType<DeepgramClient["listen"]["v1"]["createConnection"]>>;

export interface NovaOptions {
  readonly apiKey: Key;
  readonly url: string;
  readonly model: string;
  readonly language: string;
  readonly encoding: "linear16" | "mulaw";
  readonly smartFormat: boolean;
  readonly mipOptOut: boolean;
  readonly connectMs: number;
}

export interface NovaCall {
  readonly sdk: Promise<Sdk>;
  readonly provider: string;
  readonly options: NovaOptions;
  readonly rate: SampleRate;
  readonly language: string;
  readonly hints: readonly string[];
  readonly clock: Clock;
}

/** One of the server's messages, as far as it concerns us. */
interface Results {
  readonly start: number;
  readonly duration: number;
  readonly is_final?: boolean;
  readonly from_finalize?: boolean;
  readonly channel: { readonly alternatives: readonly { readonly transcript: string; readonly confidence: number }[] };
}

// What the server has not accounted for yet may be so much, when it has answered all that it was going to.
const UNACCOUNTED_MS = 300;
// A final that covers the pause up to here leaves nothing to wait for.
const ROUNDING_MS = 20;

/**
 * Deepgram's `listen.v1` (Nova). Our own voice activity says when the caller pauses: `Finalize` asks for the last words then, and
 * the server's own end-pointing is off. Final pieces are collected until that is answered.
 */
export class NovaWire implements Wire {
  readonly #hearing: LiveHearing;
  readonly #provider: string;
  readonly #line: DeepgramLine<NovaSocket>;
  readonly #encode: (pcm: Int16Array) => Uint8Array;
  readonly #pieces: string[] = [];
  readonly #confidences: number[] = [];
  #interim = "";
  #said = "";
  /** Up to where the server has told what it heard, in ms of the sound sent. */
  #coveredMs = 0;
  /** Answers that are still to come to a `Finalize` whose pause has been answered without. */
  #owed = 0;

  constructor(hearing: LiveHearing, { sdk, provider, options, rate, language, hints, clock }: NovaCall) {
    this.#hearing = hearing;
    this.#provider = provider;
    this.#encode = encoder(options.encoding);
    this.#line = new DeepgramLine<NovaSocket>({
      sdk,
      provider,
      url: options.url,
      apiKey: options.apiKey,
      clock,
      connectMs: options.connectMs,
      create: (client) => client.listen.v1.createConnection(query({ options, rate, language, hints })),
      open: () => hearing.ready(),
      message: (message) => this.#receive(message),
      lost: (error) => hearing.lost(error),
    });
  }

  audio(pcm: Int16Array): void {
    this.#line.socket?.sendMedia(this.#encode(pcm));
  }

  finish(): void {
    this.#line.socket?.sendFinalize({ type: "Finalize" });
  }

  idle(): void {
    this.#line.socket?.sendKeepAlive({ type: "KeepAlive" });
  }

  /** A pause with little sound before it may be left without an answer: then the server has nothing to add. */
  late(pause: Pause): boolean {
    const accounted = this.#interim === "" && this.#coveredMs >= pause.atMs - UNACCOUNTED_MS;
    if (pause.loud && !accounted) return false;
    this.#owed += 1;
    this.#answer();
    return true;
  }

  close(): void {
    this.#line.socket?.sendCloseStream({ type: "CloseStream" });
    this.#line.close();
  }

  #receive(message: unknown): void {
    if (typeof message !== "object" || message === null || !("type" in message)) {
      throw new ProviderError(this.#provider, "protocol", "it sent something that is no message of its own");
    }
    this.#hearing.heardOf();
    if (message.type === "Results") this.#results(message as unknown as Results);
  }

  #results({ start, duration, is_final: final, from_finalize: finalized, channel }: Results): void {
    const best = channel.alternatives[0];
    const text = best?.transcript.trim() ?? "";
    this.#coveredMs = Math.max(this.#coveredMs, Math.round((start + duration) * 1000));
    this.#interim = final ? "" : text;
    if (final && text !== "") {
      this.#pieces.push(text);
      if (best) this.#confidences.push(best.confidence);
    }
    if (final && this.#isAnswer(finalized === true)) this.#answer();
    else this.#partial();
  }

  #isAnswer(finalized: boolean): boolean {
    const { waiting } = this.#hearing;
    if (!waiting) return false;
    const complete = this.#coveredMs >= waiting.atMs - ROUNDING_MS;
    if (finalized && this.#owed > 0 && !complete) {
      this.#owed -= 1;
      return false;
    }
    return finalized || complete;
  }

  #partial(): void {
    const text = [...this.#pieces, this.#interim].join(" ").trim();
    // What comes while the final is under way comes with it.
    if (text === "" || text === this.#said || this.#hearing.waiting) return;
    this.#said = text;
    this.#hearing.say({ text, final: false });
  }

  #answer(): void {
    const text = this.#pieces.splice(0).join(" ");
    const confidences = this.#confidences.splice(0);
    this.#interim = this.#said = "";
    const sum = confidences.reduce((all, one) => all + one, 0);
    this.#hearing.answer({ text, ...(confidences.length > 0 && { confidence: sum / confidences.length }) });
  }
}

function query({ options, rate, language, hints }: Omit<NovaCall, "sdk" | "clock" | "provider">) {
  const { model, encoding, smartFormat, mipOptOut } = options;
  const terms = keyterms(hints);
  // Nova-3 has `keyterm`; the models before it know `keywords` only, one word each.
  const boosted = model.startsWith("nova-3")
    ? { keyterm: terms }
    : { keywords: terms.filter((term) => !/\s/.test(term)) };
  return {
    model,
    language: options.language === "" ? language : options.language,
    encoding,
    sample_rate: String(rate),
    channels: "1",
    interim_results: "true",
    punctuate: "true",
    // Our own voice activity decides, and asks with `Finalize`.
    endpointing: "false",
    ...(smartFormat && { smart_format: "true" as const }),
    ...(mipOptOut && { mip_opt_out: "true" }),
    ...(terms.length > 0 && boosted),
    reconnectAttempts: 0,
  };
}
