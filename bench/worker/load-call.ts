import { WebsocketMedia } from "../../test/fakes/asterisk/fake-media.ts";
import type { LentCall } from "../../test/fakes/asterisk/lent-call.ts";
import type { LoadOrder } from "./protocol.ts";
import { type Frames, isLoud } from "./utterance.ts";

export interface LoadCounts {
  measuring: boolean;
  turns: number;
  unanswered: number;
  readonly overheadMs: number[];
  readonly bargeInMs: number[];
  readonly frameLateMs: number[];
}

interface Parts {
  readonly call: LentCall;
  readonly order: LoadOrder;
  readonly question: Frames;
  readonly silence: Frames;
  readonly counts: LoadCounts;
  readonly random: () => number;
  readonly now: () => number;
}

const FRAME_MS = 20;
const UNANSWERED_MS = 8000;
/** So long must the agent have been silent for its next frame to be the first one of an answer. */
const PAUSE_MS = 100;

/**
 * One caller: listens to the agent for 0.6 to 1.6 s, talks over it, waits for the answer, and so on. Every 20 ms `tick` moves
 * a frame up and a frame down, as Asterisk does.
 */
export class LoadCall {
  readonly #parts: Parts;
  #media: WebsocketMedia | undefined;
  #state: "waiting" | "listening" | "talking" = "waiting";
  #frame = 0;
  #untilMs = Number.POSITIVE_INFINITY;
  /** The caller's last loud frame, and the first one of the present words. */
  #lastSpeechMs = 0;
  #firstSpeechMs = 0;
  #overlapped = false;
  /** The agent's last loud frame: as it came, and as it was played. */
  #cameMs = 0;
  #playedMs = 0;
  #timed = false;
  #wasLate = 0;
  heard = false;
  answers = 0;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  get call(): LentCall {
    return this.#parts.call;
  }

  /** `dueMs`: when this tick should have been. */
  tick(dueMs: number): void {
    const media = this.#open();
    if (!media) return;
    const { question, silence } = this.#parts;
    const talking = this.#state === "talking";
    const frames = talking ? question.frames : silence.frames;
    const frame = frames[this.#frame % frames.length];
    this.#frame += 1;
    if (frame) media.sendRaw(frame);
    this.#play(media, dueMs);
    this.#follow(talking && this.#frame >= frames.length, dueMs);
  }

  #open(): WebsocketMedia | undefined {
    const { media } = this.#parts.call;
    if (this.#media || !(media instanceof WebsocketMedia)) return this.#media;
    this.#media = media;
    media.onFrame = (data) => this.#came(data);
    return media;
  }

  /** A frame that is not there when its tick comes is late until it comes, or until the next tick, which has the same complaint. */
  #play(media: WebsocketMedia, dueMs: number): void {
    const { counts, now } = this.#parts;
    const sound = media.nextFrame();
    const nowMs = now();
    if (!sound) {
      this.#wasLate += FRAME_MS;
      if (this.heard && counts.measuring) counts.frameLateMs.push(this.#wasLate);
      return;
    }
    this.#wasLate = 0;
    if (counts.measuring) counts.frameLateMs.push(0);
    if (!isLoud(new Uint8Array(sound.buffer, sound.byteOffset, sound.byteLength))) return;
    this.#playedMs = Math.max(dueMs, nowMs);
    if (this.#overlapped) this.#overMs = this.#playedMs;
  }

  #overMs = 0;

  #came(data: Uint8Array): void {
    if (!isLoud(data)) return;
    const { now, counts, order } = this.#parts;
    const nowMs = now();
    const pausedMs = nowMs - this.#cameMs;
    this.#cameMs = nowMs;
    if (this.#state === "talking" || pausedMs < PAUSE_MS) return;
    if (this.#state === "waiting") this.#listen(nowMs);
    if (!this.#timed) return;
    this.#timed = false;
    this.answers += 1;
    if (!counts.measuring) return;
    counts.turns += 1;
    counts.overheadMs.push(nowMs - this.#lastSpeechMs - order.expectedMs);
    if (this.#overlapped) counts.bargeInMs.push(this.#overMs - this.#firstSpeechMs);
  }

  #listen(nowMs: number): void {
    this.heard = true;
    this.#state = "listening";
    this.#frame = 0;
    this.#untilMs = nowMs + 600 + 1000 * this.#parts.random();
  }

  /** The pause after the last words is counted in frames: from when the last one was due, should it have left late. */
  #follow(saidAll: boolean, dueMs: number): void {
    const nowMs = this.#parts.now();
    if (saidAll) {
      this.#state = "waiting";
      this.#frame = 0;
      this.#lastSpeechMs = dueMs;
      this.#timed = true;
      this.#untilMs = nowMs + UNANSWERED_MS;
    } else if (this.#state === "listening" && nowMs >= this.#untilMs) this.#talk(nowMs);
    else if (this.#state === "waiting" && nowMs >= this.#untilMs) {
      if (this.#parts.counts.measuring) this.#parts.counts.unanswered += 1;
      this.#timed = false;
      this.#talk(nowMs);
    }
  }

  /** The next tick sends the first loud frame. An agent that is in a pause of its own is not timed. */
  #talk(nowMs: number): void {
    this.#state = "talking";
    this.#frame = 0;
    this.#firstSpeechMs = nowMs + FRAME_MS;
    this.#overlapped = nowMs - this.#playedMs <= FRAME_MS;
    this.#overMs = this.#firstSpeechMs;
  }
}
