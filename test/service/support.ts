import { systemClock } from "../../src/base/clock.ts";
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

/** The tests' catalogue, with fakes that really hear and speak. `made` holds what was created, `closed` what was closed. */
export function speakingCatalogue(made: string[] = [], closed: string[] = []): Catalogue {
  const speaking = (module: ProviderModule<Stage>): ProviderModule<Stage> => ({
    ...module,
    create(options) {
      const label = `${module.name} ${JSON.stringify(options)}`;
      made.push(label);
      const port = makers[module.stage]();
      port.close = async () => {
        closed.push(label);
      };
      return port;
    },
  });
  return { ...catalogue, providers: catalogue.providers.map(speaking) };
}
