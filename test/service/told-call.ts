import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import { loadConfig } from "../../src/config/load.ts";
import { OUTCOME_TOOL } from "../../src/conversation/outcome.ts";
import { type Service, startService } from "../../src/service.ts";
import { FakeEar } from "../fakes/ear.ts";
import { FakeLeg } from "../fakes/leg.ts";
import { FakeMedia } from "../fakes/media.ts";
import { FakeModel } from "../fakes/model.ts";
import { LendingEngine, speakingCatalogue } from "./support.ts";

const WORD_MS = 240;
const LOOK_MS = 10;

/** A service whose calls are told to a webhook, and a caller for it who can talk. */
export class ToldCalls implements AsyncDisposable {
  readonly #engine = new LendingEngine();
  readonly #ear = new FakeEar(systemClock);
  readonly model = new FakeModel(systemClock);
  #service: Service | undefined;
  /** The model is asked what the call came to. */
  onForm: () => void = () => {};

  /** `hangs`: what calls came to is never told. */
  async start(file: string, secret: string, hangs = false): Promise<this> {
    this.model.answer = (question) => {
      if (!question.includes(OUTCOME_TOOL)) return "On Monday at nine.";
      this.onForm();
      const input = { summary: "An appointment on Monday.", reason: "appointment" };
      return hangs ? "hang" : [{ type: "tool", id: "1", name: OUTCOME_TOOL, input }];
    };
    const catalogue = speakingCatalogue([], [], { stt: this.#ear, llm: this.model });
    const config = loadConfig(file, { catalogue, env: { ARI_PASSWORD: "x", HOOK: secret } });
    this.#service = await startService(config, {
      ...{ clock: systemClock, log: silentLog, version: "0.0.0", portCanWait: false },
      createEngine: () => this.#engine,
      hintsOf: () => [],
    });
    return this;
  }

  /** A caller asks for something, hears the answer, and hangs up. */
  async call(signal: AbortSignal): Promise<void> {
    const media = new FakeMedia(systemClock);
    const leg = new FakeLeg({ media: async () => media });
    const running = this.#engine.lend(leg);
    const heard = async (frames: number): Promise<void> => {
      while (media.heard.length < frames) await systemClock.sleep(LOOK_MS, signal);
    };
    await heard(1);
    for (const word of ["I", "need", "an", "appointment"]) {
      media.sound(WORD_MS);
      await systemClock.sleep(WORD_MS, signal);
      this.#ear.hear(word);
    }
    const before = media.heard.length;
    await heard(before + 5);
    leg.hangUp();
    await running;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#service?.close("test");
  }
}
