import { systemClock } from "../../src/base/clock.ts";
import type { Engine, EngineHealth, Leg } from "../../src/call/engine.ts";
import type { Catalogue } from "../../src/config/config.ts";
import type { ProviderModule, Stage, StagePort } from "../../src/providers/module.ts";
import { catalogue } from "../config/support.ts";
import { FakeEar, FakeVoiceActivity } from "../fakes/ear.ts";
import { FakeModel } from "../fakes/model.ts";
import { FakeVoice } from "../fakes/voice.ts";

const makers: { readonly [S in Stage]: () => StagePort[S] } = {
  vad: () => new FakeVoiceActivity(),
  stt: () => new FakeEar(systemClock),
  llm: () => new FakeModel(systemClock),
  tts: () => new FakeVoice(systemClock),
  speech: () => {
    throw new Error("no test of the service has a model that speaks itself");
  },
};

/**
 * The tests' catalogue, with fakes that really hear and speak, or these ones. `made` holds what was created, `closed` what was closed.
 */
export function speakingCatalogue(made: string[] = [], closed: string[] = [], own: Partial<StagePort> = {}): Catalogue {
  const speaking = (module: ProviderModule<Stage>): ProviderModule<Stage> => ({
    ...module,
    create(options) {
      const label = `${module.name} ${JSON.stringify(options)}`;
      made.push(label);
      const port = own[module.stage] ?? makers[module.stage]();
      port.close = async () => {
        closed.push(label);
      };
      return port;
    },
  });
  return { ...catalogue, providers: catalogue.providers.map(speaking) };
}

/** An engine whose calls the test lends. */
export class LendingEngine implements Engine {
  readonly name = "asterisk";
  health: EngineHealth = { state: "connected", detail: "" };
  drained = false;
  #onLeg: ((leg: Leg) => Promise<void>) | undefined;

  run(onLeg: (leg: Leg) => Promise<void>, signal: AbortSignal): Promise<void> {
    this.#onLeg = onLeg;
    return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  }
  drain(): void {
    this.drained = true;
  }
  lend(leg: Leg): Promise<void> {
    return this.#onLeg?.(leg) ?? Promise.reject(new Error("the engine does not run"));
  }
}
