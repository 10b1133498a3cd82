import { createSocket, type Socket } from "node:dgram";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FakeAudioStream, samplesOf } from "./audio-stream.ts";

export interface FakeEvent {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface FakeSoundOptions {
  readonly uuid: string;
  readonly rate?: 8000 | 16_000;
  readonly build?: "open" | "duplex";
  /** False: mod_audio_stream is not loaded. */
  readonly loaded?: boolean;
  /** `send_silence_when_idle` was set when the call was parked. */
  readonly sendsSilence?: boolean;
  readonly onEvent: (event: FakeEvent) => void;
  /** What the caller hears, packet by packet, in the tick in which it leaves. */
  readonly onPacket?: (pcm: Int16Array) => void;
}

interface Playing {
  readonly file: string;
  pcm: Int16Array;
  /** What comes after it in the same playback: looked for only when it is its turn. */
  readonly more?: string[];
  /** How many samples of it were played. */
  done?: number;
  /** Nothing is looked at while it plays. */
  readonly locked: boolean;
  at: number;
}

/**
 * One channel's sound in a FreeSWITCH. Facts: `unicast` is one datagram a packet, both ways, also for a silent caller, and
 * says nothing when its port is taken; any playback ends it silently, and so does a change of the codec; a second one in
 * the same park yields nothing; each playback that begins and each that ends drops what the caller sends in that 20 ms;
 * `file_string` opens its files one by one and passes over those that are not there; before the first of its list, if that
 * is there, it puts 250 ms of silence; `sendmsg` is queued and looked at with the next 20 ms; with event-lock files play one after
 * the other, inside whatever plays without it, which goes on in between; `uuid_break` ends all that plays. A caller on hold
 * ends nothing: `unicast` and mod_audio_stream bring silence meanwhile.
 * A park that sends silence of its own has its packet first in every 20 ms, and the datagram's is dropped: on a real one that
 * goes on for seconds, until the phases of both clocks have changed.
 */
export class FakeSound {
  readonly rate: 8000 | 16_000;
  readonly stream: FakeAudioStream;
  readonly heard: Int16Array[] = [];
  /** Files that were played, one after the other. */
  readonly played: string[] = [];
  /** Ports that FreeSWITCH cannot have, as if others had them: so many of the next ones asked for. */
  takenPorts = 0;
  answered = true;
  /** False: whatever is to be played is not. */
  plays = true;
  /** Files that were to be played and were not there: FreeSWITCH logs an error for each. */
  missing = 0;
  /** Packets of the caller's that were dropped because a playback began or ended. */
  dropped = 0;
  /** The caller has us on hold: it sends nothing, and hears nothing of us. */
  held = false;
  /** The next 20 ms of the caller. */
  say: () => Int16Array;
  readonly #options: FakeSoundOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "sidetone-fake-"));
  readonly #queue: Record<string, string>[] = [];
  #socket: Socket | undefined;
  #remotePort = 0;
  #unicasts = 0;
  #flushed = false;
  #playing: Playing[] = [];
  #duplex: Int16Array[] = [];

  constructor(options: FakeSoundOptions) {
    this.#options = options;
    this.rate = options.rate ?? 8000;
    const silence = new Int16Array(this.rate / 50);
    this.say = () => silence;
    this.stream = new FakeAudioStream({
      uuid: options.uuid,
      rate: this.rate,
      build: options.build ?? "open",
      folder: this.#folder,
      emit: (name, body) => options.onEvent({ name, headers: {}, body: JSON.stringify(body) }),
      play: (pcm) => void this.#duplex.push(pcm),
    });
  }

  /** Whether `unicast` is up. */
  get unicast(): boolean {
    return this.#socket !== undefined;
  }

  get unicastPort(): number {
    return this.#socket?.address().port ?? 0;
  }

  /** Where the channel's datagrams go. */
  get remotePort(): number {
    return this.#remotePort;
  }

  /** What `api` prints; undefined: not a command about sound. */
  api(command: string): string | undefined {
    const [verb = "", uuid, ...rest] = command.split(" ");
    if (verb === "module_exists") return String(this.#options.loaded ?? true);
    if (uuid !== this.#options.uuid) return undefined;
    if (verb === "uuid_audio_stream") {
      if (this.#options.loaded === false) return "-ERR uuid_audio_stream Command not found!";
      return this.stream.command(rest.join(" "), this.answered);
    }
    if (verb === "uuid_setvar_multi") {
      for (const pair of rest.join(" ").split(";")) this.stream.variables.set(...(pair.split("=") as [string, string]));
      return "+OK";
    }
    if (verb !== "uuid_break") return undefined;
    if (rest[0] === "all") this.#queue.length = 0;
    this.#stopPlaying();
    return "+OK";
  }

  /** Queued: what comes of it shows later, if at all. */
  sendmsg(headers: Readonly<Record<string, string>>): void {
    this.#queue.push({ ...headers });
  }

  /** Somebody else's `playback`, in the middle of it all. */
  playback(pcm: Int16Array): void {
    this.#play({ file: "tone_stream://by-somebody-else", pcm, locked: false, at: 0 });
  }

  /** A re-INVITE with another codec: the session is reset, and `unicast` is gone without a word. mod_audio_stream goes on resampling as before. */
  changeCodec(name: string, rate: 8000 | 16_000): void {
    this.#endUnicast();
    this.stream.nativeRate = rate;
    this.#event("CODEC", { "Channel-Read-Codec-Name": name, "Channel-Read-Codec-Rate": String(rate) });
  }

  /** 20 ms of FreeSWITCH's own clock. */
  tick(): void {
    const spoken = this.held ? new Int16Array(this.rate / 50) : this.say();
    if (this.#flushed) this.dropped++;
    else this.stream.frame(spoken);
    this.#flushed = false;
    if (!this.#playing[0]?.locked) {
      const message = this.#queue.shift();
      if (message) this.#obey(message);
    }
    // While something plays, the park does not run, and neither does `unicast`.
    if (this.#playing.length === 0) {
      this.#socket?.send(Uint8Array.from(new Uint8Array(spoken.buffer)), this.#remotePort, "127.0.0.1");
      if (this.#options.sendsSilence) this.#packet(new Int16Array(this.rate / 50));
    }
    const frame = this.#nextFrame();
    if (frame) this.#packet(frame);
  }

  hangUp(): void {
    this.stream.hangUp();
    this.end();
  }

  end(): void {
    this.stream.stop();
    this.#endUnicast();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #obey(message: Record<string, string>): void {
    if (message["call-command"] === "unicast") this.#startUnicast(message);
    else if (message["execute-app-name"] === "playback") {
      const file = message["execute-app-arg"] ?? "";
      // Files go with the stream that has written them.
      const locked = message["event-lock"] === "true";
      const silenceMs = Number(/^silence_stream:\/\/(\d+)/.exec(file)?.[1] ?? 0);
      if (!this.plays) return;
      if (silenceMs > 0) this.#play({ file, pcm: new Int16Array((this.rate * silenceMs) / 1000), locked, at: 0 });
      else {
        const [first = "", ...more] = file.replace(/^file_string:\/\//, "").split("!");
        const there = existsSync(first);
        const pause = new Int16Array(more.length > 0 ? this.rate / 4 : 0);
        const pcm = there ? Int16Array.from([...pause, ...samplesOf(first)]) : new Int16Array();
        const playing = { file, pcm, more, locked, at: 0 };
        if (there || this.#nextFile(playing)) this.#play(playing);
      }
    }
  }

  #startUnicast(message: Record<string, string>): void {
    if (this.takenPorts > 0) {
      this.takenPorts--;
      return;
    }
    if (this.#unicasts++ > 0) return;
    this.#remotePort = Number(message["remote-port"]);
    const socket = createSocket("udp4");
    socket.on("message", (data) => {
      if (!this.#options.sendsSilence) this.#packet(new Int16Array(Uint8Array.from(data).buffer));
    });
    socket.on("error", () => {});
    socket.bind(Number(message["local-port"]), "127.0.0.1");
    this.#socket = socket;
  }

  #endUnicast(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #play(playing: Playing): void {
    const { file } = playing;
    this.#flushed = true;
    this.#endUnicast();
    this.#playing.unshift(playing);
    this.played.push(file);
    this.#event("CHANNEL_EXECUTE", { Application: "playback", "Application-Data": file });
    this.#event("PLAYBACK_START", { "Playback-File-Path": file });
  }

  #stopPlaying(): void {
    for (const playing of this.#playing) this.#stopped(playing);
    this.#playing = [];
  }

  #nextFrame(): Int16Array | undefined {
    const playing = this.#playing[0];
    if (!playing) return this.#duplex.shift();
    const size = this.rate / 50;
    const frame = playing.pcm.slice(playing.at, playing.at + size);
    playing.at += size;
    playing.done = (playing.done ?? 0) + frame.length;
    if (playing.at >= playing.pcm.length && !this.#nextFile(playing)) {
      this.#playing.shift();
      this.#stopped(playing);
    }
    return frame;
  }

  /** The files that are not there are passed over, however many. */
  #nextFile(playing: Playing): boolean {
    for (let file = playing.more?.shift(); file !== undefined; file = playing.more?.shift()) {
      if (!existsSync(file)) {
        this.missing++;
        continue;
      }
      playing.pcm = samplesOf(file);
      playing.at = 0;
      return true;
    }
    return false;
  }

  #stopped({ file, done = 0 }: Playing): void {
    this.#flushed = true;
    const playedMs = String((done * 1000) / this.rate);
    this.#event("PLAYBACK_STOP", { "Playback-File-Path": file, variable_playback_ms: playedMs });
  }

  #packet(pcm: Int16Array): void {
    if (this.held) return;
    this.heard.push(pcm);
    this.#options.onPacket?.(pcm);
  }

  #event(name: string, headers: Record<string, string>): void {
    this.#options.onEvent({ name, headers, body: "" });
  }
}
