/**
 * A call's sound through a real FreeSWITCH, at the RTP of a simulated caller: first sound, silence on barge-in, what the
 * caller heard against what the stream says, the gaps between packets, and what happens when somebody else plays something.
 *
 *   SIDETONE_FREESWITCH=<prefix> bin/node bench/freeswitch-media.ts [--mode websocket|unicast|remote] [--calls N]
 */
import { parseArgs } from "node:util";
import { FRAME_MS, samplesPerFrame } from "../src/audio/frame.ts";
import { systemClock } from "../src/base/clock.ts";
import { createLog } from "../src/base/log.ts";
import type { CallLeg } from "../src/caller/leg.ts";
import { Phone } from "../src/caller/phone.ts";
import { createMedia } from "../src/engines/freeswitch/media/media.ts";
import { mediaOptions } from "../src/engines/freeswitch/media/options.ts";
import { type FreeswitchMedia, type MediaMode, noMediaCounts } from "../src/engines/freeswitch/media/port.ts";
import { type LentCall, takeCalls } from "./freeswitch/lent.ts";
import { startPbx } from "./freeswitch/pbx.ts";

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "websocket" },
    calls: { type: "string", default: "10" },
  },
});
const prefix = process.env.SIDETONE_FREESWITCH;
if (!prefix) throw new Error("SIDETONE_FREESWITCH names no FreeSWITCH");
const mode = values.mode as MediaMode;
const clock = systemClock;
const log = createLog({ level: "info", pretty: true });
const counts = noMediaCounts();
const media = createMedia(mediaOptions.parse({ mode, tunnelled: mode === "remote" }), { clock, log, counts });

interface Measured {
  openMs: number;
  uplinkMs: number;
  first: number[];
  cut: number[];
  heardErrorMs: number;
  gaps: number[];
  /** Of the caller's packets while the agent spoke, how many of a hundred reached it. */
  arrivedPercent: number;
  lostMs: number;
  restarted: boolean;
}

const all: Measured[] = [];
let take: (call: LentCall) => void = () => {};
const server = await takeCalls(
  clock,
  (call) =>
    new Promise((resolve) => {
      take(call);
      call.channel.signal.addEventListener("abort", () => resolve(), { once: true });
    }),
);
const pbx = await startPbx({ prefix, sipPort: 25_060, socketPort: server.port });
const phone = new Phone(
  { pbx: { transport: "udp", host: "127.0.0.1", port: pbx.sipPort }, user: "bench", heard: { onsetPackets: 1 } },
  { clock, log },
);

function tone(rate: 8000 | 16_000 | 24_000 | 48_000, ms: number, hz = 440): Int16Array[] {
  const size = samplesPerFrame(rate);
  return Array.from({ length: ms / FRAME_MS }, (_, frame) =>
    Int16Array.from({ length: size }, (_, at) => 8000 * Math.sin((2 * Math.PI * hz * (frame * size + at)) / rate)),
  );
}
const speak = (sound: FreeswitchMedia, ms: number): number => {
  const frames = tone(sound.rate, ms);
  const atMs = clock.now();
  for (const pcm of frames) sound.write({ pcm, rate: sound.rate });
  return atMs;
};
const received = (leg: CallLeg, fromMs: number, toMs = clock.now()) => [
  ...leg.log.packets({ direction: "received", fromMs, toMs }),
];
const signal = (): AbortSignal => AbortSignal.timeout(10_000);

async function oneCall(): Promise<Measured> {
  const lent = Promise.withResolvers<LentCall>();
  take = lent.resolve;
  const leg = await phone.call("agent", { codec: "ulaw" });
  await leg.answered;
  const call = await lent.promise;
  const startMs = clock.now();
  const sound = await media.open(call.channel);
  const openMs = clock.now() - startMs;
  await clock.sleep(600);
  const uplinkMs = await uplink(leg, sound);
  const result: Measured = {
    openMs,
    uplinkMs,
    first: [],
    cut: [],
    heardErrorMs: 0,
    gaps: [],
    arrivedPercent: 0,
    lostMs: 0,
    restarted: false,
  };
  for (let turn = 0; turn < 3; turn += 1) await reply(leg, sound, result, 20 * turn + 7 * turn);
  await whole(leg, sound, result);
  result.arrivedPercent = await bothAtOnce(leg, sound);
  await disturb(leg, call, sound, result);
  await sound.stop();
  await leg.hangUp();
  return result;
}

async function uplink(leg: CallLeg, sound: FreeswitchMedia): Promise<number> {
  const came = Promise.withResolvers<number>();
  sound.onFrame(({ pcm }) => {
    if (pcm.some((sample) => Math.abs(sample) > 2000)) came.resolve(clock.now());
  });
  const said = leg.say(tone(8000, 400, 700).map((pcm) => ({ pcm, rate: 8000 as const })));
  const atMs = await came.promise;
  const { firstSoundMs } = await said;
  await clock.sleep(200);
  return atMs - (firstSoundMs ?? atMs);
}

async function reply(leg: CallLeg, sound: FreeswitchMedia, result: Measured, pauseMs: number): Promise<void> {
  await clock.sleep(500 + pauseMs);
  const atMs = speak(sound, 900);
  const soundMs = await leg.heard.sound({ sinceMs: atMs, signal: signal() });
  result.first.push(soundMs - atMs);
  await clock.sleep(440 + pauseMs);
  const cutMs = clock.now();
  sound.clear();
  await leg.heard.silence({ ms: 300, signal: signal() });
  const last = received(leg, cutMs).findLast(({ levelDbov }) => levelDbov > -45);
  result.cut.push(Math.max(0, (last?.atMs ?? cutMs) - cutMs));
}

async function whole(leg: CallLeg, sound: FreeswitchMedia, result: Measured): Promise<void> {
  await clock.sleep(500);
  const atMs = clock.now();
  speak(sound, 1000);
  await clock.sleep(500);
  sound.hold();
  await clock.sleep(400);
  sound.resume();
  await sound.drained(signal());
  await clock.sleep(300);
  const loud = received(leg, atMs).filter(({ levelDbov }) => levelDbov > -45);
  result.heardErrorMs = loud.length * FRAME_MS - sound.heardMs;
  const times = received(leg, atMs).map(({ atMs }) => atMs);
  result.gaps.push(...times.slice(1).map((time, at) => time - (times[at] ?? time)));
}

/** Both speak for three seconds. */
async function bothAtOnce(leg: CallLeg, sound: FreeswitchMedia): Promise<number> {
  await clock.sleep(500);
  let arrived = 0;
  sound.onFrame(({ pcm }) => {
    if (pcm.some((sample) => Math.abs(sample) > 2000)) arrived += 1;
  });
  const said = leg.say(tone(8000, 3000, 700).map((pcm) => ({ pcm, rate: 8000 as const })));
  for (const pcm of tone(sound.rate, 3200)) if (!sound.write({ pcm, rate: sound.rate })) await sound.room(signal());
  await said;
  await sound.drained(signal());
  sound.onFrame(() => {});
  return (arrived * FRAME_MS * 100) / 3000;
}

/** Somebody else plays 300 ms; afterwards the agent's voice must come again, or the loss be told. */
async function disturb(leg: CallLeg, call: LentCall, sound: FreeswitchMedia, result: Measured): Promise<void> {
  if (mode === "remote") return;
  const restarts = counts.restarts;
  const atMs = clock.now();
  let lost = false;
  void sound.lost.then(() => {
    lost = true;
  });
  await call.outbound.connection.sendmsg({
    "call-command": "execute",
    "execute-app-name": "playback",
    "execute-app-arg": "tone_stream://%(300,0,900)",
  });
  while (!lost && counts.restarts === restarts && clock.now() < atMs + 3000) await clock.sleep(2);
  result.lostMs = clock.now() - atMs;
  if (lost) return;
  await clock.sleep(800);
  const againMs = speak(sound, 600);
  await leg.heard.sound({ sinceMs: againMs, signal: signal() });
  result.restarted = true;
}

const at = (list: readonly number[], part: number): string =>
  ([...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))] ?? 0).toFixed(1);
const line = (name: string, list: readonly number[]): string =>
  `${name.padEnd(22)} n ${list.length}, p50 ${at(list, 0.5)}, p95 ${at(list, 0.95)}, max ${at(list, 1)} ms\n`;
try {
  await phone.start();
  const { reason } = await media.choose(async () => "true", { local: mode !== "remote", signal: signal() });
  process.stdout.write(`${reason}\n`);
  for (let index = 0; index < Number(values.calls); index += 1) all.push(await oneCall());
  process.stdout.write(
    line(
      "open",
      all.map(({ openMs }) => openMs),
    ) +
      line(
        "caller to agent",
        all.map(({ uplinkMs }) => uplinkMs),
      ) +
      line(
        "first sound",
        all.flatMap(({ first }) => first),
      ) +
      line(
        "silence after clear",
        all.flatMap(({ cut }) => cut),
      ) +
      line(
        "heard, error",
        all.map(({ heardErrorMs }) => heardErrorMs),
      ) +
      line(
        "gap between packets",
        all.flatMap(({ gaps }) => gaps),
      ) +
      line(
        "caller heard meanwhile",
        all.map(({ arrivedPercent }) => arrivedPercent),
      ).replace(" ms\n", " %\n") +
      line(
        "others' playback seen",
        all.map(({ lostMs }) => lostMs),
      ) +
      `voice again after it    ${all.filter(({ restarted }) => restarted).length}/${all.length}\n` +
      `counts                  ${JSON.stringify(counts)}\n`,
  );
} finally {
  await Promise.allSettled([phone.stop(), media.close(), server.close()]);
  await pbx.stop();
}
