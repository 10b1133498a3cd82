import type { LineMedia } from "../../audio/line-media.ts";

/** One lent call's sound as the leg sees it, however it travels. */
export interface Line {
  readonly media: LineMedia;
  /** Resolves when the PBX or we have closed it. */
  readonly closed: Promise<void>;
  /** Keys as this line tells them. The leg listens only while ARI does not tell them. */
  onDigit(listener: (digit: string) => void): void;
  /** Asks the PBX to end the media leg, so that the dialplan goes on. Resolves when it is closed, by force after a while. */
  hangUp(): Promise<void>;
}

/** What went wrong on a line, for `metrics` and the log. */
export interface LineCounts {
  /** Packets that were no sound. */
  refusedPackets: number;
  /** Texts that were too long or no control message. */
  refusedTexts: number;
  /** Outgoing frames that could not be sent in time. */
  droppedFrames: number;
  /** Times that the PBX's queue was over budget and was emptied. */
  flushes: number;
}

export const noCounts = (): LineCounts => ({ refusedPackets: 0, refusedTexts: 0, droppedFrames: 0, flushes: 0 });
