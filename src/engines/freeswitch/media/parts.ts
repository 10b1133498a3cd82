import type { MediaOptions } from "./options.ts";
import type { MediaChannel, MediaContext } from "./port.ts";
import type { StreamServer } from "./server.ts";

/** What every way of carrying a call's sound is made from. */
export interface Parts {
  readonly channel: MediaChannel;
  readonly context: MediaContext;
  readonly server: StreamServer;
  readonly media: MediaOptions;
}
