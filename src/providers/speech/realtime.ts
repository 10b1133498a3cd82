import type { SpeechToSpeech } from "../../conversation/providers.ts";
import { hostBeyond } from "../host.ts";
import type { ProviderModule } from "../module.ts";
import { RealtimeDialogue } from "./realtime/dialogue.ts";
import { schema } from "./realtime/options.ts";

/** OpenAI Realtime and servers that speak its protocol: hears, thinks and speaks in one model, over one websocket a call. */
export const realtime: ProviderModule<"speech", typeof schema> = {
  stage: "speech",
  name: "realtime",
  schema,
  leavesHost: ({ baseUrl }) => hostBeyond(baseUrl),
  create: (options, { clock, name: provider = "realtime" }): SpeechToSpeech => ({
    name: provider,
    open: ({ events, signal, ...opening }) =>
      new RealtimeDialogue({ provider, options, opening, clock, events, signal }),
    close: async () => {},
  }),
};
