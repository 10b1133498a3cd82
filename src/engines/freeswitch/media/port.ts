import type { SampleRate } from "../../../audio/frame.ts";
import type { MediaStream } from "../../../audio/stream.ts";
import type { Clock } from "../../../base/clock.ts";
import type { Log } from "../../../base/log.ts";

/** One event of one channel, as the Event Socket client reads it. */
export interface ChannelEvent {
  /** A header's value, decoded; empty when it is not there. */
  get(header: string): string;
  readonly body: string;
}

/** The events that media must be told of, each for its own channel: by `Event-Name`, or `Event-Subclass` where that is CUSTOM. `myevents` alone tells no CUSTOM event: they are subscribed to by name, with a filter on Unique-ID. */
export const MEDIA_EVENTS = [
  "PLAYBACK_START",
  "PLAYBACK_STOP",
  "CHANNEL_EXECUTE",
  "CODEC",
  "mod_audio_stream::connect",
  "mod_audio_stream::disconnect",
  "mod_audio_stream::error",
  "mod_audio_stream::json",
  "mod_audio_stream::play",
] as const;

export type MediaEventName = (typeof MEDIA_EVENTS)[number];

/** What media needs of a lent channel. It must be answered: started before there is media, mod_audio_stream takes FreeSWITCH down with it. */
export interface MediaChannel {
  readonly uuid: string;
  /** What the caller's codec carries, after decoding: 8,000 for G.711, 16,000 for G.722. */
  readonly rate: SampleRate;
  /** `send_silence_when_idle` was set when it was lent: FreeSWITCH sends 20 ms of its own in every 20 ms, until the call is lent anew. */
  readonly sendsSilence: boolean;
  /** It is offered once more: whoever had it before may have left something of theirs. */
  readonly again: boolean;
  /** Aborted when the leg is gone or was given back. */
  readonly signal: AbortSignal;
  /** One API command, over whichever connection. Resolves with what it printed ("+OK Success", "true"). Rejects when there is no answer, or with code "refused" when that is "-ERR" or "-USAGE". */
  api(command: string, signal: AbortSignal): Promise<string>;
  /** A sendmsg to this channel. Resolves when FreeSWITCH has queued it, which is not: when it is done. */
  sendmsg(headers: Readonly<Record<string, string>>): Promise<void>;
  /** Returns what ends the listening. The listener must not block. */
  on(event: MediaEventName, listener: (event: ChannelEvent) => void): () => void;
}

/**
 * websocket: mod_audio_stream up, `unicast` down. unicast: both ways. duplex: the other build of mod_audio_stream, which
 * plays what it is sent. remote: a FreeSWITCH on another host, mod_audio_stream up, short files down.
 */
export type MediaMode = "websocket" | "unicast" | "duplex" | "remote";

export interface MediaChoice {
  readonly mode: MediaMode;
  /** Why this one, as a sentence for `check` and the log. */
  readonly reason: string;
}

/** A call's sound, and what its leg must know of it. */
export interface FreeswitchMedia extends MediaStream {
  /** Resolves with a sentence when the sound is lost and cannot be had again: give the call to the menu. Never rejects; stays open while all is well. */
  readonly lost: Promise<string>;
  /** Ends it on FreeSWITCH's side too. Await it before the call is hung up or given back. Never rejects, takes 500 ms at most, may be called twice. */
  stop(): Promise<void>;
}

/** What went wrong with calls' sound, for the metrics and the log. */
export interface MediaCounts {
  /** Packets and messages that were no sound of 20 ms. */
  refusedPackets: number;
  /** Datagrams that did not come from the call's own channel, connections that knew no call's path. */
  strangers: number;
  /** Frames of the caller that were too old when they came. */
  staleFrames: number;
  /** Outgoing frames that could not be sent. */
  droppedFrames: number;
  /** Outgoing frames that left more than 20 ms after their time. */
  lateFrames: number;
  /** Times that a call's sound had to be set up once more. */
  restarts: number;
}

export const noMediaCounts = (): MediaCounts => ({
  refusedPackets: 0,
  strangers: 0,
  staleFrames: 0,
  droppedFrames: 0,
  lateFrames: 0,
  restarts: 0,
});

/** What all calls of one worker share. */
export interface MediaContext {
  readonly clock: Clock;
  readonly log: Log;
  readonly counts: MediaCounts;
}

/** One API command without a channel, as `MediaChannel.api`. */
export type Ask = (command: string, signal: AbortSignal) => Promise<string>;

/** The sound of all calls that one worker has from one FreeSWITCH. Made by `createMedia(options, context)` in media.ts, with the options of options.ts. */
export interface Media {
  /**
   * Looks at what this FreeSWITCH has, and decides. Once at each connecting, and by `check`. `local`: it runs on this host.
   * Rejects with an OutsideError of code "unfit", whose message says what to do. May be asked again; calls that run keep what they have.
   */
  choose(ask: Ask, look: { local: boolean; signal: AbortSignal }): Promise<MediaChoice>;
  /** The sound of an answered call. Rejects when it cannot be had in a second, or with the channel's reason when that ends; then the call is for the menu. */
  open(channel: MediaChannel): Promise<FreeswitchMedia>;
  /** Ends what still runs, on our side alone. */
  close(): Promise<void>;
}
