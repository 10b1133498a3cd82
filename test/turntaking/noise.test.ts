import { afterEach, describe, expect, inject, test } from "vitest";
import { CALLER_DBOV, noises } from "../../bench/sounds.ts";
import { sphinxEar } from "../support/sphinx-ear.ts";
import { ANSWER, SpokenCall } from "../support/spoken-call.ts";

const SNR_DB = 15;
const NOISE_MS = 10_000;
const stt = inject("pocketsphinx") ? sphinxEar() : undefined;

let call: SpokenCall;
afterEach(async () => {
  expect(await call.end()).toBe(0);
});

/** The agent greets a caller who has not said anything yet, so that nobody knows how loud they talk. */
async function greeting(options: ConstructorParameters<typeof SpokenCall>[0] = {}): Promise<SpokenCall> {
  call = new SpokenCall(options);
  await call.start({ greeting: ANSWER });
  await call.clock.advance(2_000);
  return call;
}

describe.skipIf(!stt)("a greeting, with the local recogniser listening", () => {
  test.each(noises)("is heard to its end through ten seconds of $name", { timeout: 60_000 }, async ({ make }) => {
    await greeting({ stt });
    call.line.play(make(NOISE_MS, CALLER_DBOV - SNR_DB));
    await call.clock.advance(NOISE_MS);
    await call.quiet(2_500);
    expect(call.turns[0]).toMatchObject({ interrupted: false });
  });

  test.each(noises)("can be talked over in $name", { timeout: 60_000 }, async ({ make }) => {
    await greeting({ stt });
    call.line.play(make(NOISE_MS, CALLER_DBOV - SNR_DB));
    await call.clock.advance(1_000);
    await call.say("Sorry, where can I park my car?");
    await call.clock.advance(1_000);
    expect(call.turns[0]).toMatchObject({ interrupted: true });
  });
});

describe("words of which voice activity knows no sound", () => {
  const interrupted = async (): Promise<boolean | undefined> => {
    await call.clock.advance(2_000);
    return call.turns[0]?.interrupted;
  };

  test("are what a recogniser makes of noise while they may still change: the agent goes on", async () => {
    await greeting();
    for (const word of "if the what".split(" ")) {
      await call.clock.advance(300);
      call.ear.hear(word);
    }
    expect(await interrupted()).toBeUndefined();
    expect(call.speaking).toBe(true);
  });

  test("end a reply as the last ones of a recogniser that does not doubt them", async () => {
    await greeting();
    call.ear.emit("where can I park my car", { final: true });
    expect(await interrupted()).toBe(true);
  });

  test("end a reply where the recogniser says that the turn is over", async () => {
    await greeting();
    call.ear.emit("where can I park my car", { final: true, turnEnd: true });
    expect(await interrupted()).toBe(true);
  });
});
