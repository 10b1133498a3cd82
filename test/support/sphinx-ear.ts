import { existsSync } from "node:fs";
import { silentLog } from "../../src/base/log.ts";
import type { SpeechToText } from "../../src/conversation/providers.ts";
import { createDecoders } from "../../src/providers/stt/pocketsphinx/decoder.ts";
import type { Seat } from "../../src/providers/stt/pocketsphinx/ears.ts";
import { openHearing } from "../../src/providers/stt/pocketsphinx/hearing.ts";
import { loadSphinx } from "../../src/providers/stt/pocketsphinx/library.ts";
import { Listenings } from "../../src/providers/stt/pocketsphinx/listenings.ts";
import type { FromEar } from "../../src/providers/stt/pocketsphinx/protocol.ts";
import { pocketsphinx } from "../../src/providers/stt/pocketsphinx.ts";
import type { VirtualClock } from "./virtual-clock.ts";

const { folder: FOLDER } = pocketsphinx.schema.parse({});

type Take = (message: FromEar) => void;

/**
 * The real recogniser in this process, so that it can be heard in virtual time: words come with the frame that completes them.
 * Undefined where the machine has none.
 */
export function sphinxEar(): ((clock: VirtualClock) => SpeechToText) | undefined {
  if (!existsSync(`${FOLDER}/en-us.lm.bin`)) return undefined;
  const takers = new Map<number, Take>();
  const tell = (message: FromEar): void => {
    if ("hearing" in message) takers.get(message.hearing)?.(message);
  };
  const listenings = new Listenings(createDecoders(loadSphinx(), FOLDER), tell);
  let last = 0;
  const sit = ({ onMessage }: { onMessage: Take }): Seat => {
    last += 1;
    const hearing = last;
    // What is sent is answered after it was sent, as another process would.
    takers.set(hearing, (message) => queueMicrotask(() => onMessage(message)));
    return {
      hearing,
      post: (message) => listenings.take(message),
      kill: () => {},
      leave() {
        takers.delete(hearing);
        listenings.take({ type: "close", hearing });
      },
    };
  };
  return (clock) => ({
    name: "pocketsphinx",
    open({ rate, hints, signal }) {
      if (rate !== 8000 && rate !== 16_000) throw new RangeError(`it takes 8 and 16 kHz, not ${rate}`);
      return openHearing({ rate, hints, signal, ears: { sit }, clock, log: silentLog });
    },
    close: async () => {},
  });
}
