import { describe, expect, test } from "vitest";
import { nextTurn, TURN_INPUTS, TURN_STATES, type TurnInput, type TurnState } from "../../src/conversation/turns.ts";

function play(start: TurnState, ...inputs: TurnInput[]) {
  let state = start;
  const effects: string[] = [];
  for (const input of inputs) {
    const [next, ...more] = nextTurn(state, input);
    state = next;
    effects.push(...more);
  }
  return { state, effects };
}

const answering: TurnInput[] = ["speech", "silence", "pause", "audio"];

describe("who has the floor", () => {
  test("a caller who talks over the agent silences it at once and keeps the floor", () => {
    const { state, effects } = play("listening", ...answering, "speech", "words");
    expect(state).toBe("hearing");
    expect(effects.slice(-4)).toEqual(["holdAudio", "waitYield", "cancel", "waitEar"]);
  });

  test("a cough does not cost the reply", () => {
    expect(play("listening", ...answering, "speech", "silence", "nothing").state).toBe("speaking");
  });

  test("'stop' whose words come late still stops the agent", () => {
    expect(play("listening", ...answering, "speech", "silence", "nothing", "words").state).toBe("settling");
  });

  test("a sound that turns out to be no speech leaves a short gap, and is not counted against the reply", () => {
    const { state, effects } = play("listening", ...answering, "onset", "veto");
    expect(state).toBe("speaking");
    expect(effects.slice(-3)).toEqual(["holdAudio", "waitVeto", "resumeAudio"]);
  });

  test("a sound that turns out to be speech is judged as speech", () => {
    expect(play("listening", ...answering, "onset", "speech", "words").state).toBe("hearing");
  });

  test("the greeting can be interrupted", () => {
    expect(play("thinking", "audio", "speech").state).toBe("yielding");
  });

  test("a booking that is being made is not made twice", () => {
    const { state, effects } = play("listening", ...answering, "tool", "speech", "words", "digit", "tool", "hold");
    expect(state).toBe("acting");
    expect(effects.filter((effect) => effect === "act")).toHaveLength(1);
  });

  test("a key in mid-sentence stops the agent", () => {
    expect(play("listening", ...answering, "digit").effects.slice(-2)).toEqual(["cancel", "waitDigit"]);
  });

  test("a call that is given back is not taken again", () => {
    for (const input of TURN_INPUTS) expect(nextTurn("leaving", input)).toEqual(["leaving"]);
  });

  test("nobody waits for ever: every state that stops the agent's voice has a timer that ends it", () => {
    for (const state of TURN_STATES) {
      if (state === "speaking" || state === "leaving") continue;
      const ends = (["nothing", "pause"] as const).some((input) => {
        const [next, ...effects] = nextTurn(state, input);
        return next !== state || effects.includes("apologise");
      });
      expect(ends, state).toBe(true);
    }
  });
});

/** What the world around the table knows: which timer runs, which reply is alive, whether the audio is held. */
class World {
  state: TurnState = "listening";
  timer = true;
  reply = false;
  sounding = false;
  held = false;
  words = false;
  replies = 0;

  take(input: TurnInput): void {
    // The conductor's fence: what a dead reply still reports is dropped, and what a timer says depends on the words.
    if (["audio", "done", "failed", "tool"].includes(input) && this.state !== "acting" && !this.reply) return;
    if (input === "audio" && this.sounding) return;
    if (["pause", "nothing", "near"].includes(input) && !this.timer) return;
    if ((input === "pause" || input === "nothing") && (this.state === "settling" || this.state === "collecting")) {
      input = this.words || this.state === "collecting" ? "pause" : "nothing";
    }
    if (input === "words" || input === "digit") this.words = true;
    // A reply that ends while the caller has just begun to speak asks for no tool.
    if (input === "tool" && this.held) input = "done";
    if (["done", "failed", "tool"].includes(input) && this.state !== "acting") this.reply = this.sounding = false;
    const [next, ...effects] = nextTurn(this.state, input);
    if (next !== this.state) this.timer = false;
    this.state = next;
    if (input === "audio" && next === "speaking") {
      this.sounding = true;
      this.words = false;
    }
    for (const effect of effects) this.#run(effect);
  }

  #run(effect: string): void {
    if (effect.startsWith("wait")) this.timer = true;
    if (effect === "reply" || effect === "prompt" || effect === "apologise") {
      must(!this.reply, "speaks twice");
      this.reply = true;
      this.replies += 1;
    }
    if (effect === "cancel") this.reply = this.sounding = this.held = false;
    if (effect === "holdAudio") this.held = true;
    if (effect === "resumeAudio") {
      must(this.reply, "resumes nothing");
      this.held = false;
    }
  }

  check(): void {
    if (this.state === "leaving") return;
    if (this.held) must(this.state === "yielding" || this.state === "judging", `is held in ${this.state}`);
    if (this.state === "speaking") must(this.reply, "speaks, and says nothing");
    else must(this.timer, `waits for ever in ${this.state}`);
    if (this.state === "thinking") must(this.reply, "thinks of nothing");
    if (this.state === "listening") must(!this.reply, "listens to itself");
  }
}

/** `expect` takes microseconds; a million steps want less. */
function must(holds: boolean, otherwise: string): void {
  if (!holds) throw new Error(`the agent ${otherwise}`);
}

/** Mulberry32: small, seeded, good enough to walk at random. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe("1,000,000 steps at random, with late, doubled and reordered inputs", () => {
  test("the agent is never held without a timer, never speaks twice, and never answers nothing", () => {
    const random = seeded(7);
    const inputs = TURN_INPUTS.filter((input) => input !== "leave");
    const late: TurnInput[] = [];
    let world = new World();
    let replies = 0;
    for (let step = 0; step < 1_000_000; step += 1) {
      const fresh = inputs[Math.floor(random() * inputs.length)] ?? "speech";
      const input = random() < 0.2 ? (late.splice(Math.floor(random() * late.length), 1)[0] ?? fresh) : fresh;
      if (random() < 0.2) late.push(fresh);
      if (late.length > 20) late.shift();
      world.take(input);
      if (random() < 0.1) world.take(input);
      world.check();
      if (world.state !== "leaving") continue;
      replies += world.replies;
      world = new World();
    }
    expect(replies + world.replies).toBeGreaterThan(50_000);
  });
});
