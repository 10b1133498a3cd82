import type { Frame, SampleRate } from "../audio/frame.ts";

/** An utterance's words so far. `startMs` and `endMs` count the audio pushed since the hearing was opened. */
export interface Transcript {
  readonly text: string;
  readonly final: boolean;
  readonly startMs: number;
  readonly endMs: number;
  /** 0 to 1, where the recogniser says so. */
  readonly confidence?: number;
  /** BCP 47, where the recogniser says which language it is. */
  readonly language?: string;
  /** The recogniser itself says that the caller's turn is over. */
  readonly turnEnd?: boolean;
  /** What it thinks of a turn that is not over: nearly so (an answer may be prepared), or not. Absent where it does not judge turns. */
  readonly eager?: boolean;
}

/** One caller's ear, open for the whole call. */
export interface Hearing {
  /** Copies what it keeps; never blocks, never throws. */
  push(frame: Frame): void;
  /** The caller paused: say what there is. Answered by exactly one final transcript (its text may be empty) per call of `finish`. */
  finish(): void;
  /** Partials (each replaces the one before) and finals. Ends when the signal aborts; throws a ProviderError when the ear is lost. */
  readonly transcripts: AsyncIterable<Transcript>;
}

export interface SpeechToText {
  readonly name: string;
  /** Makes ready for callers of this kind, so that the first one is understood as soon as any other. */
  prepare?(options: {
    rate: SampleRate;
    language: string;
    hints: readonly string[];
    signal: AbortSignal;
  }): Promise<void>;
  /** As LanguageModel.connect: the next `open` for the same kind of call finds its connection open. */
  connect?(options: {
    rate: SampleRate;
    language: string;
    hints: readonly string[];
    signal: AbortSignal;
  }): Promise<void>;
  /** `hints`: phrases the agent expects, most wanted first. */
  open(options: { rate: SampleRate; language: string; hints: readonly string[]; signal: AbortSignal }): Hearing;
  close(): Promise<void>;
}

/** Voice activity: an edge detector with its own hang-over, pushed in the media's tick; must be cheap. */
export interface VoiceDetector {
  /** "speech" or "silence" at an edge, else undefined. */
  push(frame: Frame): "speech" | "silence" | undefined;
  readonly speaking: boolean;
  /**
   * A sudden sound is likely to be speech, and that is being looked into: for 200 ms at most, a few times a minute. Absent where
   * there is no second opinion to wait for.
   */
  readonly hunch?: boolean;
  /** Has edges told between two frames too, when a second opinion comes then. One listener; without one they wait for the next frame. */
  onEdge?(listener: (edge: "speech") => void): void;
  /** How long it waits after the last voiced frame before it says "silence", and after the first before it says "speech", in ms. */
  readonly hangoverMs: number;
  readonly onsetMs: number;
  reset(): void;
  close(): void;
}

export interface VoiceActivity {
  readonly name: string;
  open(options: { rate: SampleRate }): VoiceDetector;
  close(): Promise<void>;
}

/** Judges by its sound whether a caller's turn is over. */
export interface TurnModel {
  readonly name: string;
  /**
   * How likely it is, 0 to 1, that the turn which ends with this sound is complete. Takes the sound over; resamples it elsewhere, if need be.
   * Rejects with the signal's reason when that aborts first, else with a ProviderError.
   */
  judge(sound: { readonly pcm: Int16Array<ArrayBuffer>; readonly rate: number }, signal: AbortSignal): Promise<number>;
  close(): Promise<void>;
}

export interface Message {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  /** For "tool": which request this answers. */
  readonly toolId?: string;
  /** For "assistant": the tools it asked for. */
  readonly tools?: readonly ToolRequest[];
}

export interface ToolRequest {
  readonly id: string;
  readonly name: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What the model wrote as the input could not be read; this says why, for the model. The tool is not run. */
  readonly fault?: string;
}

export interface ToolDefinition {
  readonly name: string;
  readonly description: string;
  /** JSON schema of the input. */
  readonly parameters: Readonly<Record<string, unknown>>;
}

export type ReplyPart = { readonly type: "text"; readonly text: string } | ({ readonly type: "tool" } & ToolRequest);

/** What one request to a provider took, for the bill: tokens, or characters to be spoken. */
export interface Usage {
  readonly provider: string;
  readonly inputTokens?: number;
  /** Of the input's tokens, those that the provider had kept from before. */
  readonly cachedTokens?: number;
  readonly outputTokens?: number;
  readonly characters?: number;
  /** In the currency of the configured prices; absent where none are configured. */
  readonly cost?: number;
  /** Counted by us: the request was given up before the provider said how much it took. */
  readonly estimated?: boolean;
}

export interface LanguageModel {
  readonly name: string;
  /** A call is coming: opens a connection, so that the first question does not wait for one. Never rejects, may be left alone. */
  connect?(options: { signal: AbortSignal }): Promise<void>;
  /** Streams the reply. Ends quietly when the signal aborts; throws a ProviderError otherwise. `onUsage`: at most once, also of a reply that was given up. */
  reply(
    messages: readonly Message[],
    options: { tools: readonly ToolDefinition[]; signal: AbortSignal; onUsage?: (usage: Usage) => void },
  ): AsyncIterable<ReplyPart>;
  close(): Promise<void>;
}

/** When a part of a spoken piece sounds. Parts follow each other in the text; together they are the text, apart from white space. */
export interface WordTime {
  /** A word, or as little as a character. */
  readonly text: string;
  /** From the beginning of the piece's first frame. */
  readonly startMs: number;
  readonly endMs: number;
}

export interface SpeakOptions {
  readonly voice: string;
  readonly rate: SampleRate;
  readonly language: string;
  readonly signal: AbortSignal;
  /** Where the provider says when each word sounds; some parts at a time, before or while their frames are yielded. */
  readonly onWords?: (words: readonly WordTime[]) => void;
  readonly onUsage?: (usage: Usage) => void;
}

/** A piece as it was spoken before, with the times of its words where the voice told them. */
export interface KeptSpeech {
  /** At the rate that was asked for. Do not write to it. */
  readonly pcm: Int16Array;
  readonly words: readonly WordTime[];
}

export interface TextToSpeech {
  readonly name: string;
  /**
   * Speaks the pieces as they come, each piece a clause or a sentence. Yields 20 ms frames at `rate` (the last of a piece may be shorter).
   * Ends quietly when the signal aborts; throws a ProviderError otherwise.
   */
  speak(text: AsyncIterable<string>, options: SpeakOptions): AsyncIterable<Frame>;
  /** As LanguageModel.connect, for a voice and a rate. */
  connect?(options: { voice: string; rate: SampleRate; language: string; signal: AbortSignal }): Promise<void>;
  /** The piece's sound, where it is at hand: nobody is asked for it, and nothing is billed. */
  kept?(piece: string, options: { voice: string; rate: SampleRate; language: string }): KeptSpeech | undefined;
  /** Makes these pieces (greetings, prompts) ready, so that `kept` or `speak` has their first frame at once; a provider with a cache may keep them on disk. */
  prepare?(
    texts: readonly string[],
    options: { voice: string; rate: SampleRate; language: string; signal: AbortSignal },
  ): Promise<void>;
  close(): Promise<void>;
}

/** What a model that hears and speaks itself tells of a call. Called in the tick in which it comes. */
export interface DialogueEvents {
  /** It hears the caller begin to speak, where it listens for that itself. */
  speech(): void;
  /** What the caller said; what is not final is replaced by what follows. One final for each `commit`, whose text may be empty. */
  words(words: { readonly utterance: number; readonly text: string; readonly final: boolean }): void;
  usage(usage: Usage): void;
  /** Once: nothing comes of it any more. */
  lost(error: ProviderError): void;
}

/** One reply of such a model. Nothing is told of it after `done`, its `cancel`, or the loss of the dialogue. */
export interface DialogueReplyEvents {
  /** Sound at the call's rate, faster than it is spoken. */
  audio(frame: Frame): void;
  /** The words of it, as they come: before, with or after their sound. */
  words(text: string): void;
  tool(request: ToolRequest): void;
  done(): void;
}

/** One call's conversation with a model that hears and speaks itself. */
export interface Dialogue {
  /** It wants all sound, also that without speech: it listens for the caller's beginning itself. */
  readonly listens: boolean;
  /** Copies what it keeps; never blocks, never throws. */
  push(frame: Frame): void;
  /** The caller paused: what was pushed is an utterance, and its number is returned. Undefined: there was too little of it. */
  commit(): number | undefined;
  /** Text in the place of the caller's words: the keys that were pressed. */
  tell(text: string): void;
  result(request: Pick<ToolRequest, "id">, result: string): void;
  /** Asks for an answer to all so far, or for this sentence. One at a time: the one before has ended, or was cancelled. */
  reply(options: { readonly say?: string; readonly events: DialogueReplyEvents }): {
    /** Ends it. The model is told how much of it was heard, so that it remembers no more. */
    cancel(heardMs: number): void;
  };
}

export interface SpeechToSpeech {
  readonly name: string;
  /** Opened when the call comes and kept to its end: begins to connect, and returns at once. Closed by the signal. */
  open(options: {
    readonly rate: SampleRate;
    readonly instructions: string;
    readonly language: string;
    readonly voice: string;
    readonly hints: readonly string[];
    readonly tools: readonly ToolDefinition[];
    readonly events: DialogueEvents;
    readonly signal: AbortSignal;
  }): Dialogue;
  close(): Promise<void>;
}

export type ProviderErrorCode = "unreachable" | "refused" | "overloaded" | "timeout" | "protocol" | "missing";

/** Something outside went wrong. `missing`: a program or file is not on this machine; the message says what to install. */
export class ProviderError extends Error {
  override readonly name = "ProviderError";
  readonly code: ProviderErrorCode;
  readonly provider: string;

  constructor(provider: string, code: ProviderErrorCode, message: string, options?: ErrorOptions) {
    super(`${provider}: ${message}`, options);
    this.provider = provider;
    this.code = code;
  }
}
