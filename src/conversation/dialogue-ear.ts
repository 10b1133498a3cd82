import { FRAME_MS, type Frame } from "../audio/frame.ts";
import { BoundedQueue } from "../base/queue.ts";
import type {
  Dialogue,
  DialogueEvents,
  Hearing,
  SpeechToText,
  Transcript,
  VoiceActivity,
  VoiceDetector,
} from "./providers.ts";
import type { Question } from "./question.ts";
import { Replay } from "./replay.ts";

export interface DialogueEarOptions {
  readonly vad: VoiceActivity;
  readonly stt: SpeechToText;
  readonly question: Question;
  readonly onLateWords: (text: string) => void;
}

type Words = Parameters<DialogueEvents["words"]>[0];

// What was said before voice activity was sure of it.
const BEFORE_FRAMES = 600 / FRAME_MS;
const REPLAY_SECONDS = 15;
const QUEUE = 200;

/**
 * The caller's way to a model that hears itself. To the conversation it is a recogniser, whose words often come after the answer
 * was asked for: the model needs none. When the dialogue is lost, the real recogniser hears again what nobody has understood yet.
 */
export class DialogueEar {
  readonly #options: DialogueEarOptions;
  readonly #replay = new Replay({ seconds: REPLAY_SECONDS });
  readonly #before: Frame[] = [];
  /** Utterances without their final words, and where in the replay they end. */
  readonly #open = new Map<number, number>();
  #dialogue: Dialogue | undefined;
  #transcripts: BoundedQueue<Transcript> | undefined;
  #speaking = false;
  #sending = false;
  #last = 0;
  /** Utterances up to this one are answered, or being answered. */
  #answered = 0;
  #lost: unknown;
  readonly vad: VoiceActivity;
  readonly stt: SpeechToText;

  constructor(options: DialogueEarOptions) {
    this.#options = options;
    const { vad, stt } = options;
    this.vad = { name: vad.name, open: (wanted) => this.#watch(vad.open(wanted)), close: () => vad.close() };
    this.stt = { name: stt.name, open: (wanted) => this.#listen(wanted), close: () => stt.close() };
  }

  get owed(): number {
    return this.#open.size;
  }

  begin(dialogue: Dialogue): void {
    this.#dialogue = dialogue;
  }

  answered(): void {
    this.#answered = this.#last;
  }

  /** The model has understood something. */
  hear({ utterance, text, final }: Words): void {
    const { question, onLateWords } = this.#options;
    const late = utterance <= this.#answered;
    const atMs = this.#open.get(utterance);
    if (final) {
      this.#open.delete(utterance);
      if (atMs !== undefined && this.#open.size === 0) this.#replay.settle(atMs);
    }
    // It was a sound without words: nobody waits for an answer to it.
    if (final && !late && text.trim() === "" && this.#open.size === 0 && question.owed === "answer")
      question.owed = undefined;
    if (late && final) onLateWords(text.trim());
    if (!late || final) this.#transcripts?.push(transcriptOf(late ? "" : text, final));
  }

  lose(error: unknown): void {
    this.#dialogue = undefined;
    this.#lost = error;
    if (this.#options.question.owed === "answer") this.#options.question.owed = undefined;
    this.#transcripts?.fail(error);
    this.#transcripts = undefined;
  }

  #listen(wanted: Parameters<SpeechToText["open"]>[0]): Hearing {
    const dialogue = this.#dialogue;
    if (!dialogue) return this.#after(wanted);
    const transcripts = new BoundedQueue<Transcript>(QUEUE);
    this.#transcripts = transcripts;
    wanted.signal.addEventListener("abort", () => transcripts.close(), { once: true });
    return { push: (frame) => this.#push(frame), finish: () => this.#finish(), transcripts };
  }

  #push(frame: Frame): void {
    const dialogue = this.#dialogue;
    this.#replay.add(frame, { open: this.#speaking || this.#open.size > 0 });
    if (!dialogue) return;
    if (dialogue.listens || this.#sending) {
      dialogue.push(frame);
      return;
    }
    this.#before.push({ pcm: frame.pcm.slice(), rate: frame.rate });
    if (this.#before.length > BEFORE_FRAMES) this.#before.shift();
  }

  #finish(): void {
    const utterance = this.#dialogue?.commit();
    this.#sending = this.#speaking;
    if (utterance === undefined) {
      this.#transcripts?.push(transcriptOf("", true));
      return;
    }
    this.#last = utterance;
    this.#open.set(utterance, this.#replay.atMs);
    // The model has heard it, whatever its words were: that is enough to be answered.
    this.#options.question.owed ??= "answer";
  }

  /** What was not understood goes to the recogniser, as if it were said now. */
  #after(wanted: Parameters<SpeechToText["open"]>[0]): Hearing {
    const hearing = this.#options.stt.open(wanted);
    if (this.#lost === undefined) return hearing;
    this.#lost = undefined;
    for (const frame of this.#replay.frames) hearing.push(frame);
    // Of an utterance that is over nobody will ask for the words again.
    if (!this.#speaking && this.#open.size > 0) hearing.finish();
    this.#open.clear();
    return hearing;
  }

  #watch(detector: VoiceDetector): VoiceDetector {
    const told = (edge: "speech" | "silence" | undefined): typeof edge => {
      if (edge === "speech") this.#begins();
      if (edge === "silence") this.#speaking = false;
      return edge;
    };
    return {
      push: (frame) => told(detector.push(frame)),
      get speaking() {
        return detector.speaking;
      },
      get hunch() {
        return detector.hunch ?? false;
      },
      onEdge: (listener) =>
        detector.onEdge?.((edge) => {
          told(edge);
          listener(edge);
        }),
      hangoverMs: detector.hangoverMs,
      onsetMs: detector.onsetMs,
      reset: () => {
        this.#speaking = false;
        detector.reset();
      },
      close: () => detector.close(),
    };
  }

  #begins(): void {
    this.#speaking = true;
    this.#sending = true;
    for (const frame of this.#before.splice(0)) this.#dialogue?.push(frame);
  }
}

const transcriptOf = (text: string, final: boolean): Transcript => ({ text, final, startMs: 0, endMs: 0 });
