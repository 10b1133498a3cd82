import type { SampleRate } from "../audio/frame.ts";
import type { Agent } from "./agent.ts";
import { DialogueEar } from "./dialogue-ear.ts";
import { DialogueReply, type DialogueReplyOptions } from "./dialogue-reply.ts";
import { codeOfFailure, isGrave, type LadderStep, type Rung } from "./ladder.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ConversationObserver } from "./observer.ts";
import {
  type Dialogue,
  ProviderError,
  type SpeechToSpeech,
  type SpeechToText,
  type ToolRequest,
  type VoiceActivity,
} from "./providers.ts";
import type { Question } from "./question.ts";
import type { Tool } from "./tools.ts";

/** The models that hear and speak themselves, best first, and who is told what becomes of them. */
export interface SpeechChoice {
  readonly rungs: readonly Rung<SpeechToSpeech>[];
  readonly onStep: (step: LadderStep) => void;
  /** The voice by model; others take their default one, because the agent's belongs to another. */
  readonly voices: Readonly<Record<string, string>>;
}

export interface SpokenDialogueOptions {
  readonly speech: SpeechChoice;
  /** Who hears the caller and answers when the dialogue is lost. */
  readonly providers: {
    readonly vad: VoiceActivity;
    readonly stt: SpeechToText;
    readonly llm: { readonly name: string };
  };
  readonly media: { readonly rate: SampleRate };
  readonly agent: Agent;
  readonly tools: readonly Tool[];
  readonly question: Question;
  readonly observer: ConversationObserver;
  /** The model itself hears the caller begin. */
  readonly onSpeech: () => void;
  /** Words that were answered before they were known. */
  readonly onLateWords: (text: string) => void;
}

/** Undefined where the agent has no model that speaks itself. */
export function openDialogue(
  options: Omit<SpokenDialogueOptions, "speech" | "providers"> & {
    readonly providers: SpokenDialogueOptions["providers"] & { readonly speech?: SpeechChoice };
  },
): SpokenDialogue | undefined {
  const { speech } = options.providers;
  return speech && new SpokenDialogue({ ...options, speech });
}

/** Whoever hears the caller itself needs no words to answer: while it is there they are not waited for. */
export const whileSpoken = (
  limits: ConversationLimits,
  dialogue: () => SpokenDialogue | undefined,
): ConversationLimits => ({
  ...limits,
  get sttWaitMs() {
    return dialogue()?.alive ? 0 : limits.sttWaitMs;
  },
});

/**
 * A call's dialogue with a model that hears and speaks itself, as long as it lasts. Who has the floor is decided here as with any
 * other agent; the model takes the place of the recogniser, the language model and the voice. When it is lost, those three go on,
 * within the same call and with what was said so far.
 */
export class SpokenDialogue {
  readonly #options: SpokenDialogueOptions;
  readonly #abort = new AbortController();
  readonly #ear: DialogueEar;
  readonly #rung: Rung<SpeechToSpeech> | undefined;
  readonly #permit: ReturnType<Rung<SpeechToSpeech>["breaker"]["enter"]>;
  #dialogue: Dialogue | undefined;
  #reply: DialogueReply | undefined;
  #msPerCharacter: number | undefined;

  constructor(options: SpokenDialogueOptions) {
    this.#options = options;
    const { providers, question, speech, onLateWords } = options;
    this.#ear = new DialogueEar({ ...providers, question, onLateWords });
    // Whoever is known to fail is not waited for: the three stages are there.
    for (const rung of speech.rungs) {
      const permit = rung.breaker.enter();
      if (!permit) continue;
      this.#rung = rung;
      this.#permit = permit;
      this.#open(rung);
      return;
    }
    const [first] = speech.rungs;
    if (first) this.#tell(first.name, "open");
  }

  get alive(): boolean {
    return this.#dialogue !== undefined;
  }

  get ear(): { readonly vad: VoiceActivity; readonly stt: SpeechToText } {
    return this.#ear;
  }

  /** Utterances whose words are still to come. */
  get owedWords(): number {
    return this.#ear.owed;
  }

  /** Undefined when there is no dialogue (any more). `say`: this sentence, in place of an answer. */
  reply(
    options: Omit<DialogueReplyOptions, "dialogue" | "msPerCharacter" | "events"> & {
      readonly events: Omit<DialogueReplyOptions["events"], "stalled">;
    },
  ): DialogueReply | undefined {
    const dialogue = this.#dialogue;
    if (!dialogue) return undefined;
    const { events } = options;
    const { digits } = this.#options.question;
    if (options.say === undefined) {
      this.#ear.answered();
      if (digits !== "") dialogue.tell(`[The caller pressed: ${digits}]`);
    }
    const reply = new DialogueReply({
      ...options,
      dialogue,
      ...(this.#msPerCharacter !== undefined && { msPerCharacter: this.#msPerCharacter }),
      events: {
        ...events,
        begins: () => {
          this.#permit?.ok();
          return events.begins();
        },
        done: () => {
          const { ms, text } = reply.spoken;
          if (ms > 0 && text !== "") this.#msPerCharacter = ms / text.length;
          events.done();
        },
        stalled: (error) => this.#lose(error),
      },
    });
    this.#reply = reply;
    return reply;
  }

  result(request: ToolRequest, result: string): void {
    this.#dialogue?.result(request, result);
  }

  /** May be called twice. */
  close(): void {
    this.#dialogue = undefined;
    this.#permit?.release();
    this.#abort.abort();
  }

  #open({ name, provider }: Rung<SpeechToSpeech>): void {
    const { agent, media, tools, speech, onSpeech, observer } = this.#options;
    const { signal } = this.#abort;
    try {
      this.#dialogue = provider.open({
        rate: media.rate,
        signal,
        instructions: agent.prompt,
        language: agent.language,
        voice: speech.voices[name] ?? "",
        hints: agent.hints,
        tools: tools.map(({ definition }) => definition),
        events: {
          speech: onSpeech,
          words: (words) => this.#ear.hear(words),
          usage: (usage) => observer.usage?.(usage),
          lost: (error) => this.#lose(error),
        },
      });
      this.#ear.begin(this.#dialogue);
    } catch (error) {
      this.#lose(
        error instanceof ProviderError ? error : new ProviderError(name, "protocol", "failed", { cause: error }),
      );
    }
  }

  #lose(error: ProviderError): void {
    if (this.#abort.signal.aborted || !this.#rung) return;
    this.#permit?.failed({ grave: isGrave(error) });
    this.#tell(this.#rung.name, codeOfFailure(error), error);
    this.#dialogue = undefined;
    this.#abort.abort();
    // The ear first: what it still owes is heard again by whoever goes on.
    this.#ear.lose(error);
    this.#reply?.lose(error);
  }

  #tell(provider: string, code: string, error?: unknown): void {
    const { speech, providers } = this.#options;
    const { name: next } = providers.llm;
    speech.onStep({ type: "failed", stage: "speech", provider, next, code, ...(error !== undefined && { error }) });
  }
}
