import { ulaw } from "../../../audio/g711.ts";
import type { Clock, Timer } from "../../../base/clock.ts";
import { ProviderError, type ProviderErrorCode } from "../../../conversation/providers.ts";
import type { Key } from "../../key.ts";
import { ProviderSocket } from "../../socket.ts";
import { keyterms } from "../deepgram/options.ts";
import type { LiveHearing, Pause, Wire } from "../live/hearing.ts";

export interface AssemblyOptions {
  readonly provider: string;
  readonly apiKey: Key;
  readonly url: string;
  readonly model: string;
  readonly encoding: "pcm_s16le" | "pcm_mulaw";
  readonly formatTurns: boolean;
  readonly connectMs: number;
  readonly firstByteMs: number;
  readonly rate: number;
  readonly hints: readonly string[];
  readonly clock: Clock;
  readonly codeOfClose: (code: number) => ProviderErrorCode | undefined;
}

interface Turn {
  readonly end_of_turn: boolean;
  readonly turn_is_formatted: boolean;
  readonly transcript: string;
  readonly words: readonly { readonly text: string; readonly confidence: number }[];
}

const LEAST_MS = 50;
// Speech of such a length has words: a server that has shown none of them does not listen.
const SPEECH_MS = 800;
const MAX_TERM_CHARACTERS = 50;

/**
 * Our own voice activity says when the caller pauses, and `ForceEndpoint` asks for the last words. The vendor's judgement of turns
 * is kept for what our own has missed.
 */
export class AssemblyWire implements Wire {
  readonly #hearing: LiveHearing;
  readonly #options: AssemblyOptions;
  readonly #socket: ProviderSocket;
  #begin: Timer | undefined;
  #words = "";
  /** Ends of turns that were forced and are still to come, although their pause has been answered without. */
  #owed = 0;

  constructor(hearing: LiveHearing, options: AssemblyOptions) {
    this.#hearing = hearing;
    this.#options = options;
    const { provider, apiKey, connectMs, firstByteMs, clock, codeOfClose } = options;
    this.#socket = new ProviderSocket({
      provider,
      url: address(options),
      headers: { authorization: apiKey.current() },
      connectMs,
      clock,
      codeOfClose,
      events: {
        open: () => {
          this.#begin = clock.after(firstByteMs, () => this.#fail("timeout", `it did not begin in ${firstByteMs} ms`));
        },
        text: (data) => this.#receive(data),
        lost: (error) => hearing.lost(error),
      },
    });
  }

  audio(pcm: Int16Array): void {
    const least = (this.#options.rate * LEAST_MS) / 1000;
    let padded = pcm;
    if (pcm.length < least) {
      padded = new Int16Array(least);
      padded.set(pcm);
    }
    const mulaw = this.#options.encoding === "pcm_mulaw";
    const bytes = new Uint8Array(mulaw ? padded.length : 0);
    if (mulaw) ulaw.encode(padded, bytes);
    this.#socket.send(mulaw ? bytes : new Uint8Array(padded.buffer, padded.byteOffset, padded.byteLength));
  }

  finish(pause: Pause): void {
    if (pause.loud || this.#words !== "") this.#socket.send(JSON.stringify({ type: "ForceEndpoint" }));
    else this.#hearing.answer({ text: "" });
  }

  /** A turn without words has no end to be forced: there is no answer. */
  late(pause: Pause): boolean {
    if (this.#words !== "" || pause.endMs - pause.startMs >= SPEECH_MS) return false;
    this.#owed += 1;
    this.#hearing.answer({ text: "" });
    return true;
  }

  close(): void {
    this.#begin?.cancel();
    // Sessions are billed until they are ended.
    this.#socket.send(JSON.stringify({ type: "Terminate" }));
    this.#socket.close();
  }

  #receive(data: string): void {
    const message = read(data);
    if (!message) {
      this.#fail("protocol", "it sent something that is no message of its own");
      return;
    }
    this.#hearing.heardOf();
    if (message.type === "Begin") {
      this.#begin?.cancel();
      this.#hearing.ready();
    } else if (message.type === "Turn") this.#turn(message as unknown as Turn);
    else if (message.type === "Error")
      this.#fail("refused", String((message as { error?: unknown }).error).slice(0, 200));
  }

  #turn({ end_of_turn: ended, turn_is_formatted: formatted, transcript, words }: Turn): void {
    const shown = words.map(({ text }) => text).join(" ");
    if (!ended) {
      if (shown !== "" && shown !== this.#words && !this.#hearing.waiting)
        this.#hearing.say({ text: shown, final: false });
      this.#words = shown;
      return;
    }
    // With formatting asked for, the end comes twice, and the second time is the better one.
    if (this.#options.formatTurns && !formatted) return;
    this.#words = "";
    if (this.#owed > 0 && transcript === "") {
      this.#owed -= 1;
      return;
    }
    const sum = words.reduce((all, { confidence }) => all + confidence, 0);
    const told = { text: transcript.trim(), ...(words.length > 0 && { confidence: sum / words.length }) };
    if (this.#hearing.waiting) this.#hearing.answer(told);
    else if (told.text !== "") this.#hearing.say({ ...told, final: true, turnEnd: true });
  }

  #fail(code: ProviderErrorCode, message: string): void {
    this.#hearing.lost(new ProviderError(this.#options.provider, code, message));
  }
}

function address({ url, model, encoding, rate, formatTurns, hints }: AssemblyOptions): string {
  const terms = keyterms(hints).filter((term) => term.length <= MAX_TERM_CHARACTERS);
  const query = new URLSearchParams({
    speech_model: model,
    sample_rate: String(rate),
    encoding,
    format_turns: String(formatTurns),
    // Its own end-pointing is to come after ours.
    end_of_turn_confidence_threshold: "1",
    max_turn_silence: "2000",
    ...(terms.length > 0 && { keyterms_prompt: JSON.stringify(terms) }),
  });
  return `${url}/v3/ws?${query}`;
}

function read(data: string): { readonly type?: unknown } | undefined {
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null ? message : undefined;
  } catch {
    return undefined;
  }
}
