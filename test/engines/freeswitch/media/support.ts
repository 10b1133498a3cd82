import { systemClock } from "../../../../src/base/clock.ts";
import { OutsideError } from "../../../../src/base/errors.ts";
import { silentLog } from "../../../../src/base/log.ts";
import { createMedia } from "../../../../src/engines/freeswitch/media/media.ts";
import { type MediaOptions, mediaOptions } from "../../../../src/engines/freeswitch/media/options.ts";
import {
  type ChannelEvent,
  type FreeswitchMedia,
  type Media,
  type MediaChannel,
  type MediaCounts,
  noMediaCounts,
} from "../../../../src/engines/freeswitch/media/port.ts";
import { type FakeEvent, FakeSound, type FakeSoundOptions } from "../../../fakes/freeswitch/sound.ts";

const UUID = "3f1c9a5e-0000-4000-8000-000000000001";

export interface Call {
  readonly sound: FakeSound;
  readonly channel: MediaChannel;
  readonly media: Media;
  readonly counts: MediaCounts;
  readonly commands: string[];
  readonly hungUp: AbortController;
  /** Opens the call's sound, as `choose` has decided. */
  open(): Promise<FreeswitchMedia>;
  /** Stands for a busy FreeSWITCH: its 20 ms do not pass. */
  paused: boolean;
  close(): Promise<void>;
}

export interface CallWishes extends Partial<Omit<FakeSoundOptions, "onEvent">> {
  readonly options?: Partial<MediaOptions>;
  readonly local?: boolean;
  /** It was offered before. */
  readonly again?: boolean;
}

/** The command bgapi: its thread comes to it a little later. */
const BESIDE_MS = 30;

/** One answered call in a fake FreeSWITCH whose 20 ms pass in real time, for its sockets are real. */
export function lentCall({ options = {}, local = true, again = false, ...wishes }: CallWishes = {}): Call {
  const listeners = new Map<string, Set<(event: ChannelEvent) => void>>();
  const onEvent = ({ name, headers, body }: FakeEvent): void => {
    for (const listener of listeners.get(name) ?? []) listener({ get: (header) => headers[header] ?? "", body });
  };
  const sound = new FakeSound({ uuid: UUID, onEvent, ...wishes });
  const commands: string[] = [];
  const hungUp = new AbortController();
  const api = async (command: string): Promise<string> => {
    commands.push(command);
    if (command.startsWith("bgapi ")) {
      systemClock.after(BESIDE_MS, () => sound.api(command.slice(6)));
      return "+OK Job-UUID: 1";
    }
    const answer = sound.api(command) ?? "-ERR no such command";
    if (/^-(ERR|USAGE)/.test(answer)) throw new OutsideError("refused", answer);
    return answer;
  };
  const channel: MediaChannel = {
    uuid: UUID,
    rate: sound.rate,
    sendsSilence: wishes.sendsSilence ?? false,
    again,
    signal: hungUp.signal,
    api,
    sendmsg: async (headers) => sound.sendmsg(headers),
    on(name, listener) {
      const all = listeners.get(name) ?? new Set();
      listeners.set(name, all.add(listener));
      return () => void all.delete(listener);
    },
  };
  const counts = noMediaCounts();
  const parsed = mediaOptions.parse(options);
  const media = createMedia(parsed, { clock: systemClock, log: silentLog, counts });
  const call: Call = {
    sound,
    channel,
    media,
    counts,
    commands,
    hungUp,
    paused: false,
    open: async () => {
      await media.choose(api, { local, signal: AbortSignal.timeout(5000) });
      return media.open(channel);
    },
    close: async () => {
      clearInterval(ticking);
      await media.close();
      sound.end();
    },
  };
  let nextMs = systemClock.now();
  const ticking = setInterval(() => {
    for (; nextMs <= systemClock.now(); nextMs += 20) if (!call.paused) sound.tick();
  }, 5);
  return call;
}

/** Resolves as soon as the condition holds. */
export async function until(condition: () => boolean, what: string, ms = 5000): Promise<void> {
  const endMs = systemClock.now() + ms;
  while (!condition()) {
    if (systemClock.now() > endMs) throw new Error(`waited in vain for ${what}`);
    await systemClock.sleep(2);
  }
}

/** Both directions: the caller hears the agent, and the agent the caller. */
export async function bothHear({ sound }: Call, media: FreeswitchMedia, value = 4321): Promise<void> {
  const said = new Int16Array(sound.rate / 50).fill(value);
  const times = (): number => sound.heard.filter((pcm) => pcm[0] === value).length;
  sound.say = () => said;
  let frames = 0;
  media.onFrame(({ pcm }) => {
    if (pcm[0] === value) frames += 1;
  });
  const before = times();
  speak(media, value, 10);
  await until(() => times() - before >= 10, "the agent's voice");
  await until(() => frames >= 5, "the caller's voice");
}

export const frame = (value: number, rate: 8000 | 16_000 = 8000) => ({
  pcm: new Int16Array(rate / 50).fill(value),
  rate,
});

export function speak(media: FreeswitchMedia, value: number, frames: number): void {
  for (let index = 0; index < frames; index += 1) media.write(frame(value, media.rate as 8000 | 16_000));
}
