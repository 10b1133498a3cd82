import type { DeepgramClient } from "@deepgram/sdk";
import type { SampleRate } from "../../../audio/frame.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import { ProviderError } from "../../../conversation/providers.ts";
import { DeepgramLine, type Sdk } from "../../deepgram-line.ts";
import type { Key } from "../../key.ts";
import type { LiveHearing, Wire } from "../live/hearing.ts";
import { encoder, keyterms } from "./options.ts";
import { Padded } from "./padded.ts";

type FluxSocket = Awaited<ReturnType<DeepgramClient["listen"]["v2"]["createConnection"]>>;

export interface FluxOptions {
  readonly apiKey: Key;
  readonly url: string;
  readonly model: string;
  readonly encoding: "linear16" | "mulaw";
  readonly mipOptOut: boolean;
  readonly endThreshold: number;
  readonly eagerThreshold?: number | undefined;
  readonly endTimeoutMs: number;
  readonly connectMs: number;
}

export interface FluxCall {
  readonly sdk: Promise<Sdk>;
  readonly provider: string;
  readonly options: FluxOptions;
  readonly rate: SampleRate;
  readonly language: string;
  readonly hints: readonly string[];
  readonly clock: Clock;
}

interface TurnInfo {
  readonly event: string;
  readonly audio_window_end: number;
  readonly transcript: string;
  readonly words: readonly { readonly confidence: number }[];
  /** By how much of the words is of each; the multilingual model's alone. */
  readonly languages?: readonly string[];
}

// What was said up to here after a pause's last sound is certainly told.
const MARGIN_MS = 40;
// When the caller's side sends nothing after a pause, the server is given the silence that it needs to account for the words.
const PADDING_AFTER_MS = 120;
const PADDING_MS = 320;

/**
 * Deepgram's `listen.v2` (Flux), which judges by itself when the caller's turn ends. A pause of our own voice activity is answered
 * as soon as the server has told the words up to it; what ends the turn are the server's events.
 */
export class FluxWire implements Wire {
  readonly #hearing: LiveHearing;
  readonly #provider: string;
  readonly #line: DeepgramLine<FluxSocket>;
  readonly #clock: Clock;
  readonly #encode: (pcm: Int16Array) => Uint8Array;
  readonly #rate: number;
  readonly #judges: boolean;
  #padding: Timer | undefined;
  readonly #padded = new Padded();
  #words: readonly string[] = [];
  /** How many words of this turn have gone out as final. */
  #given = 0;
  #said = "";
  #eager = false;
  #language: string | undefined;
  #coveredMs = 0;

  constructor(hearing: LiveHearing, { sdk, provider, options, rate, language, hints, clock }: FluxCall) {
    this.#hearing = hearing;
    this.#provider = provider;
    this.#clock = clock;
    this.#rate = rate;
    this.#judges = options.eagerThreshold !== undefined;
    this.#encode = encoder(options.encoding);
    this.#line = new DeepgramLine<FluxSocket>({
      sdk,
      provider,
      url: options.url,
      apiKey: options.apiKey,
      clock,
      connectMs: options.connectMs,
      create: (client) => client.listen.v2.createConnection(query({ options, rate, language, hints })),
      open: () => hearing.ready(),
      message: (message) => this.#receive(message),
      lost: (error) => hearing.lost(error),
    });
  }

  audio(pcm: Int16Array): void {
    this.#padding?.cancel();
    this.#padded.sound((pcm.length * 1000) / this.#rate);
    this.#line.socket?.sendMedia(this.#encode(pcm));
  }

  finish(): void {
    this.#answer();
    if (!this.#hearing.waiting) return;
    this.#padding?.cancel();
    this.#padding = this.#clock.after(PADDING_AFTER_MS, () => this.#pad(PADDING_MS));
  }

  /** `listen.v2` has no keep-alive: silence takes its place. */
  idle(): void {
    this.#pad(80);
  }

  late(): boolean {
    if (this.#hearing.waiting?.loud) return false;
    this.#hearing.answer({ text: "" });
    return true;
  }

  close(): void {
    this.#padding?.cancel();
    this.#line.socket?.sendCloseStream({ type: "CloseStream" });
    this.#line.close();
  }

  #pad(ms: number): void {
    this.#padded.silence(ms);
    this.#line.socket?.sendMedia(this.#encode(new Int16Array((this.#rate * ms) / 1000)));
  }

  #receive(message: unknown): void {
    if (typeof message !== "object" || message === null || !("type" in message)) {
      throw new ProviderError(this.#provider, "protocol", "it sent something that is no message of its own");
    }
    this.#hearing.heardOf();
    if (message.type === "TurnInfo") this.#turn(message as unknown as TurnInfo);
    if (message.type === "Error") throw failure(this.#provider, message);
  }

  #turn({ event, audio_window_end, transcript, words, languages }: TurnInfo): void {
    this.#language = languages?.[0];
    this.#coveredMs = Math.max(this.#coveredMs, this.#padded.ours(audio_window_end * 1000));
    this.#words = transcript.split(/\s+/).filter((word) => word !== "");
    if (event === "EndOfTurn") {
      this.#end(words);
      return;
    }
    const changed = this.#eager !== (event === "EagerEndOfTurn") || this.#rest !== this.#said;
    this.#eager = event === "EagerEndOfTurn";
    if (changed && this.#words.length > 0) this.#show();
    this.#answer();
  }

  /** Words of the turn that have not gone out as final yet. */
  get #rest(): string {
    return this.#words.slice(this.#given).join(" ");
  }

  #show(): void {
    this.#said = this.#rest;
    this.#hearing.say({ text: this.#said, final: false, ...this.#judgement });
  }

  get #judgement(): { eager?: boolean; language?: string } {
    return { ...(this.#judges && { eager: this.#eager }), ...this.#spoken };
  }

  get #spoken(): { language?: string } {
    return this.#language === undefined ? {} : { language: this.#language };
  }

  #answer(): void {
    const { waiting } = this.#hearing;
    if (!waiting || (waiting.loud && this.#coveredMs < waiting.endMs + MARGIN_MS)) return;
    this.#hearing.answer({ text: this.#rest, ...this.#judgement });
    this.#given = this.#words.length;
    this.#said = "";
    this.#answer();
  }

  #end(words: TurnInfo["words"]): void {
    const confidence = words.reduce((sum, word) => sum + word.confidence, 0) / Math.max(1, words.length);
    const told = { text: this.#rest, turnEnd: true, ...this.#spoken, ...(words.length > 0 && { confidence }) };
    const { waiting } = this.#hearing;
    // The pause that this turn ended with; one that has not been heard of yet belongs to what follows.
    if (waiting && waiting.startMs <= this.#coveredMs) this.#hearing.answer(told);
    else this.#hearing.say({ ...told, final: this.#rest !== "" });
    this.#words = [];
    this.#given = 0;
    this.#said = "";
    this.#eager = false;
    this.#answer();
  }
}

function failure(provider: string, message: object): ProviderError {
  const { code, description } = message as { code?: unknown; description?: unknown };
  return new ProviderError(provider, "unreachable", `${code}: ${description}`.slice(0, 200));
}

function query({ options, rate, language, hints }: Omit<FluxCall, "sdk" | "clock" | "provider">) {
  const { model, encoding, endThreshold, eagerThreshold, endTimeoutMs, mipOptOut } = options;
  const terms = keyterms(hints);
  const [plain] = language.split("-");
  return {
    model,
    encoding,
    sample_rate: String(rate),
    eot_threshold: String(endThreshold),
    eot_timeout_ms: String(endTimeoutMs),
    ...(eagerThreshold !== undefined && { eager_eot_threshold: String(eagerThreshold) }),
    ...(model === "flux-general-multi" && plain && { language_hint: plain }),
    ...(mipOptOut && { mip_opt_out: "true" }),
    ...(terms.length > 0 && { keyterm: terms }),
    reconnectAttempts: 0,
  };
}
