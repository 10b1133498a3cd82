import type { Timer } from "../../../base/clock.ts";
import { OutsideError } from "../../../base/errors.ts";
import type { CallMedia } from "./call-media.ts";
import { chooseMode } from "./choice.ts";
import { openLocal } from "./local.ts";
import type { MediaOptions } from "./options.ts";
import type { Ask, FreeswitchMedia, Media, MediaChannel, MediaChoice, MediaContext } from "./port.ts";
import { StreamServer } from "./server.ts";
import { openStreamed } from "./streamed.ts";

const COUNT_MS = 1000;

/** The sound of all calls that one worker has from one FreeSWITCH. */
export function createMedia(options: MediaOptions, context: MediaContext): Media {
  return new FreeswitchSound(options, context);
}

class FreeswitchSound implements Media {
  readonly #options: MediaOptions;
  readonly #context: MediaContext;
  readonly #server: StreamServer;
  readonly #calls = new Set<CallMedia>();
  #choice: MediaChoice | undefined;
  #plays: boolean | undefined;
  #counting: Timer | undefined;

  constructor(options: MediaOptions, context: MediaContext) {
    this.#options = options;
    this.#context = context;
    this.#server = new StreamServer(options, context);
  }

  async choose(ask: Ask, { local, signal }: { local: boolean; signal: AbortSignal }): Promise<MediaChoice> {
    const choice = await chooseMode({ options: this.#options, ask, local, signal });
    if (choice.mode !== "unicast") await this.#server.listen();
    this.#choice = choice;
    this.#plays = undefined;
    return choice;
  }

  async open(channel: MediaChannel): Promise<FreeswitchMedia> {
    if (!this.#choice) throw new OutsideError("unfit", "It was not looked yet how FreeSWITCH's sound can come.");
    channel.signal.throwIfAborted();
    const media = await this.#openAs(channel, this.#choice);
    this.#calls.add(media);
    this.#counting ??= this.#context.clock.every(COUNT_MS, () => this.#count());
    media.start();
    return media;
  }

  async close(): Promise<void> {
    this.#counting?.cancel();
    this.#counting = undefined;
    for (const call of this.#calls) call.close();
    this.#calls.clear();
    await this.#server.close();
  }

  async #openAs(channel: MediaChannel, { mode }: MediaChoice): Promise<CallMedia> {
    const parts = { channel, context: this.#context, server: this.#server, media: this.#options };
    if (mode === "unicast" || mode === "websocket") return openLocal({ ...parts, streams: mode === "websocket" });
    return openStreamed({ ...parts, known: this.#plays, onKnown: (plays) => this.#learn(plays) });
  }

  #learn(plays: boolean): void {
    this.#plays = plays;
    this.#context.log.info({ plays }, "which build of mod_audio_stream is loaded was seen");
  }

  #count(): void {
    for (const call of this.#calls) {
      if (call.closed) this.#calls.delete(call);
      else call.count();
    }
    if (this.#calls.size > 0) return;
    this.#counting?.cancel();
    this.#counting = undefined;
  }
}
