import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import type { RunningAsterisk } from "../../deploy/engines/asterisk.ts";
import { findSound } from "../../src/audio/correlate.ts";
import { joined } from "../../src/audio/joined.ts";
import { systemClock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { Cdr } from "../../src/call/cdr.ts";
import type { CallLeg } from "../../src/caller/leg.ts";
import { Phone } from "../../src/caller/phone.ts";
import { soundOf, spoken } from "../../src/cli/demo/actors.ts";
import { recordsDirOf } from "../../src/cli/demo/aftermath.ts";
import { type DemoService, startDemoService } from "../../src/cli/demo/service.ts";
import { backSentence, briefText } from "../../src/conversation/people-words.ts";
import { piecesOf } from "../../src/conversation/warm.ts";
import { providers } from "../../src/providers/index.ts";
import { listCalls } from "../../src/store/calls.ts";
import { openReading } from "../../src/store/database.ts";
import { FakeVosk } from "../fakes/providers/vosk.ts";
import type { SipPeer } from "./sip-peer.ts";

export const RING_S = 4;
export const TITLE = "our sales desk";
export const REASON = "An invoice";
/** What the agent says before it rings: the second one only where it remembers the first. */
export const ANSWERS = ["One moment.", "I am trying it again."];

const AGENT = {
  name: "desk",
  greeting: "Hello.",
  voice: "slt",
  stt: "listener",
  pauseMs: 400,
  targets: ["sales"],
  script: {
    intents: [
      {
        name: "person",
        phrases: ["I would like to speak to someone"],
        keywords: ["someone", "speak"],
        answer: ANSWERS,
        action: { transfer: "sales", reason: REASON },
      },
    ],
    else: "Pardon?",
  },
};

const WISH = "I would like to speak to someone please";

/** A sound by which a sentence is known: so long as it takes to tell it from all others. */
const SAMPLE = 800 * 8;
const SAME_SOUND = 0.6;

/** Sidetone as users run it, beside the PBX of a test, with a scripted agent who puts callers through, and a caller who can speak. */
export interface AskedFor extends AsyncDisposable {
  readonly caller: Phone;
  /** What the caller says, and what is heard of the agent. */
  readonly wish: Int16Array;
  readonly brief: Int16Array;
  readonly back: Int16Array;
  /** Complete ones, oldest first. */
  records(): Promise<readonly Cdr[]>;
}

export async function askedFor(asterisk: RunningAsterisk, from: string): Promise<AskedFor> {
  const undo = new AsyncDisposableStack();
  try {
    const dir = await mkdtemp(join(tmpdir(), "sidetone-asked-"));
    undo.defer(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }));
    // Understands whatever is said to be the wish: what a machine without time to spare makes of it is not the question here.
    const listener = await FakeVosk.start({ transcripts: [WISH] });
    undo.defer(() => listener.close());
    const service = await startService(asterisk, dir, listener.url);
    undo.defer(() => service.stop());
    const pbx = { transport: "udp", host: "127.0.0.1", port: asterisk.ports.sip } as const;
    const caller = new Phone({ pbx, user: from }, { clock: systemClock, log: silentLog });
    undo.defer(() => caller.stop());
    await caller.start();
    const { flite } = providers.tts;
    const voice = flite.create(flite.schema.parse({}), { clock: systemClock, log: silentLog });
    undo.defer(() => voice.close());
    const signal = AbortSignal.timeout(30_000);
    const say = async (text: string, as = AGENT.voice) => soundOf(await spoken(voice, { text, as, signal }));
    const beginning = async (text: string): Promise<Int16Array> => await say(piecesOf(text)[0] ?? "");
    const wish = await say(`${WISH}.`, "rms");
    const brief = await beginning(briefText("en", { number: from, reason: REASON, text: "" }));
    const back = await beginning(backSentence("en", TITLE, "noanswer"));
    await service.ready(signal);
    const owned = undo.move();
    const records = () => recordsOf(service);
    return { caller, wish, brief, back, records, [Symbol.asyncDispose]: () => owned.disposeAsync() };
  } catch (error) {
    await undo.disposeAsync();
    throw error;
  }
}

async function startService(asterisk: RunningAsterisk, dir: string, listener: string): Promise<DemoService> {
  const agents = join(dir, "own-agents");
  await mkdir(agents);
  await writeFile(join(agents, "desk.yaml"), stringify(AGENT));
  const people = { sales: { title: TITLE, warm: true, ringSeconds: RING_S } };
  const recognisers = { listener: { type: "vosk", url: listener } };
  const settings = { agents, cacheDir: join(dir, "cache"), people, providers: recognisers };
  return await startDemoService({ asterisk, dir, clock: systemClock, settings });
}

async function recordsOf(service: DemoService): Promise<readonly Cdr[]> {
  const database = openReading(recordsDirOf(service.stateDir));
  try {
    const all = database ? await listCalls(database.db, { limit: 10 }) : [];
    return all.filter(({ ended }) => ended !== null).toReversed();
  } finally {
    database?.close();
  }
}

/** Whether this stands in what a telephone heard. */
export function stands(sound: Int16Array, recording: Int16Array): boolean {
  const first = Math.max(
    0,
    sound.findIndex((sample) => Math.abs(sample) > 400),
  );
  const sample = sound.subarray(first, first + SAMPLE);
  return recording.length >= sample.length && findSound({ sound: sample, recording }).score >= SAME_SOUND;
}

export const heardBy = ({ heard }: SipPeer): Int16Array => joined(heard.map(({ pcm }) => pcm));

/** The longest time between two sounds that a caller heard, from one moment to another, in ms. */
export function longestPause({ heard }: CallLeg, fromMs: number, toMs: number): number {
  const spells = heard.spells.filter(({ startMs, endMs }) => endMs > fromMs && startMs < toMs);
  const pauses = spells.slice(1).map(({ startMs }, at) => startMs - (spells[at]?.endMs ?? startMs));
  return Math.max(...pauses, (spells[0]?.startMs ?? toMs) - fromMs);
}
