import { setImmediate } from "node:timers/promises";
import type { MediaStream } from "../../../src/audio/stream.ts";

export const AGENT_HZ = 440;

/** An agent that never pauses: resolves when the call is not ours any more. */
export async function speakForEver(media: MediaStream, signal: AbortSignal, hz = AGENT_HZ): Promise<void> {
  const samples = media.rate / 50;
  for (let frame = 0; !signal.aborted; frame++) {
    const pcm = Int16Array.from({ length: samples }, (_, index) =>
      Math.round(8000 * Math.sin((2 * Math.PI * hz * (frame * samples + index)) / media.rate)),
    );
    if (media.write({ pcm, rate: media.rate })) continue;
    // The wait ends with the call, or before it when its sound is stopped.
    try {
      await media.room(signal);
    } catch {
      return;
    }
    // Sound that is stopped has room at once and for ever, while the call is still on its way back: others have their turn.
    await setImmediate();
  }
}
