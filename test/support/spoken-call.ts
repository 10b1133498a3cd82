import { words } from "../../bench/sounds.ts";
import { FRAME_MS, type Frame, samplesPerFrame } from "../../src/audio/frame.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Next } from "../../src/call/engine.ts";
import { type Agent, defineAgent } from "../../src/conversation/agent.ts";
import { converse } from "../../src/conversation/conversation.ts";
import { defaultLimits } from "../../src/conversation/limits.ts";
import type { SpeechToText, TextToSpeech, VoiceActivity } from "../../src/conversation/providers.ts";
import type { Turn } from "../../src/conversation/turn.ts";
import { loadFvad } from "../../src/providers/vad/fvad-library.ts";
import { SileroDetector } from "../../src/providers/vad/silero-detector.ts";
import { SileroModel } from "../../src/providers/vad/silero-model.ts";
import { SileroNet } from "../../src/providers/vad/silero-net.ts";
import { readSileroWeights } from "../../src/providers/vad/silero-weights.ts";
import { FakeEar } from "../fakes/ear.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeModel } from "../fakes/model.ts";
import { SoundLine } from "../fakes/sound-line.ts";
import { VirtualClock } from "./virtual-clock.ts";

export const ANSWER =
  "We are open from nine in the morning until six in the evening, Monday to Friday, and on Saturday until noon. " +
  "The doctors see patients without an appointment in the first two hours of every day. " +
  "The laboratory takes blood samples until eleven, and the results are usually there on the following afternoon. " +
  "If you need a prescription, please leave your name and your date of birth after the tone.";

const VERDICT_MS = 3;
// A recogniser says a word so long after it was spoken.
const PARTIAL_MS = 120;

const model = new SileroModel(readSileroWeights()[8000]);
const library = loadFvad();

/** The real fvad and the real network, which answers within virtual milliseconds. */
function voiceActivity(clock: VirtualClock): VoiceActivity {
  return {
    name: "silero",
    open() {
      const net = new SileroNet(model);
      const detector: SileroDetector = new SileroDetector({
        rate: 8000,
        onsetMs: 40,
        hangMs: 160,
        threshold: 0.4,
        fvad: library.open({ rate: 8000, mode: 3 }),
        ask(windows, { serial, restart }) {
          if (restart) net.reset();
          let speech = 0;
          for (let at = 0; at < windows.length; at += net.windowSamples) speech = net.next(windows, at);
          clock.after(VERDICT_MS, () => detector.verdict(serial, speech));
          return true;
        },
        onClose: () => {},
      });
      return detector;
    },
    close: async () => {},
  };
}

/** The agent's voice is flite's, and there at once. */
const voice: TextToSpeech = {
  name: "flite",
  async *speak(text, { rate, signal }): AsyncGenerator<Frame> {
    for await (const piece of text) {
      const pcm = words(piece, { voice: "slt" });
      const samples = samplesPerFrame(rate);
      for (let at = 0; at < pcm.length && !signal.aborted; at += samples) {
        const frame = new Int16Array(samples);
        frame.set(pcm.subarray(at, at + samples));
        yield { pcm: frame, rate };
      }
    }
  },
  close: async () => {},
};

/** A whole conversation in virtual time with real sound in both directions, real voice activity, and a recogniser that knows the words. */
export class SpokenCall {
  readonly clock = new VirtualClock();
  readonly line = new SoundLine(this.clock);
  readonly leg = new FakeLeg({ media: async () => this.line });
  readonly ear = new FakeEar(this.clock);
  readonly model = new FakeModel(this.clock);
  readonly turns: Turn[] = [];
  readonly #stt: SpeechToText;
  next: Next | undefined;
  #ended: Promise<void> | undefined;

  /** `stt`: a recogniser that listens to the line, in place of the one that is told the words. */
  constructor({ stt }: { readonly stt?: ((clock: VirtualClock) => SpeechToText) | undefined } = {}) {
    this.#stt = stt?.(this.clock) ?? this.ear;
  }

  async start(agent: Partial<Agent> = {}): Promise<this> {
    this.model.answer = () => ANSWER;
    this.#ended = converse({
      media: this.line,
      leg: this.leg,
      agent: defineAgent({ name: "test", ...agent }),
      providers: { vad: voiceActivity(this.clock), stt: this.#stt, llm: this.model, tts: voice },
      clock: this.clock,
      log: silentLog,
      observer: {
        callerWords: () => {},
        agentWords: () => {},
        bargeIn: () => {},
        turn: (turn) => void this.turns.push(turn),
      },
      limits: defaultLimits,
      signal: this.leg.signal,
    }).then((next) => {
      this.next = next;
    });
    await this.clock.advance(0);
    return this;
  }

  /** Says it; the recogniser understands `heard`, word by word. Returns when the first frame that can be heard reached the line. */
  async say(text: string, { voice = "rms", heard = text }: { voice?: string; heard?: string } = {}): Promise<number> {
    const pcm = words(text, { voice });
    const startMs = this.clock.now();
    this.line.play(pcm);
    const lengthMs = Math.ceil(pcm.length / samplesPerFrame(8000)) * FRAME_MS;
    const parts = heard.split(" ").filter((word) => word !== "");
    for (const [index, word] of parts.entries()) {
      const atMs = (lengthMs * (index + 1)) / parts.length + PARTIAL_MS;
      this.clock.after(atMs, () => this.ear.hear(word));
    }
    await this.clock.advance(lengthMs);
    // The first packet with something to hear in it: it leaves when its 20 ms are over.
    const first = pcm.findIndex((sample) => Math.abs(sample) >= 400);
    return startMs + (Math.floor(first / 160) + 1) * 20;
  }

  /** Asks, and waits until the answer has been heard for `ms`. */
  async untilAnswer(ms: number): Promise<void> {
    await this.say("Could you tell me when you are open on Saturday?");
    for (let waited = 0; waited < 3_000 && !this.speaking; waited += 20) await this.clock.advance(20);
    await this.clock.advance(ms);
  }

  /** The agent was heard within the last 400 ms. */
  get speaking(): boolean {
    return this.line.lastAudibleAt > 0 && this.clock.now() - this.line.lastAudibleAt < 400;
  }

  /** Until the agent has been silent for `ms`. */
  async quiet(ms = 1_500): Promise<void> {
    for (let waited = 0; waited < 60_000 && this.next === undefined; waited += 20) {
      await this.clock.advance(20);
      if (this.clock.now() - this.line.lastAudibleAt >= ms) return;
    }
  }

  /** Hangs up. Returns the number of timers that are left behind. */
  async end(): Promise<number> {
    this.leg.hangUp();
    await this.clock.advance(1_000);
    await this.#ended;
    this.line.close();
    await this.clock.advance(100);
    return this.clock.pending;
  }
}
