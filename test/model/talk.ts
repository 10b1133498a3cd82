import type { Leg, Next } from "../../src/call/engine.ts";
import type { CourseWriter } from "../../src/call/journal.ts";
import { promptsFor } from "../../src/conversation/agent.ts";
import type { converse } from "../../src/conversation/conversation.ts";
import { CourseTeller } from "../../src/conversation/course.ts";
import { History } from "../../src/conversation/history.ts";
import type { ToolRequest } from "../../src/conversation/providers.ts";
import { takeUp } from "../../src/conversation/taking-up.ts";
import type { Process, World } from "./world.ts";

type Talk = typeof converse;

/** One agent that has a call. */
export interface Talking {
  readonly process: Process;
  readonly media: object | undefined;
  readonly sinceMs: number;
}

/** What callers got: who talks with whom, and what was done for them. */
export interface Stage {
  readonly talking: Map<string, Set<Talking>>;
  /** Those that were ever heard, each once. */
  readonly heard: Map<string, Talking[]>;
  readonly booked: Map<string, number>;
  /** Something was done this moment that must be done once. */
  onBooked: (process: Process) => void;
}

export const emptyStage = (): Stage => ({ talking: new Map(), heard: new Map(), booked: new Map(), onBooked() {} });

const BOOKING: ToolRequest = { id: "t1", name: "book", input: {} };

interface TalkerParts {
  readonly stage: Stage;
  readonly process: Process;
  readonly mediaOf: (media: unknown) => object | undefined;
  /** It does things before the journal has them. */
  readonly hasty: boolean;
}

/** An agent that greets, is asked something, answers in two sentences, does something that must be done once, and hands on. */
export function talkerOn(world: World, { stage, process, mediaOf, hasty }: TalkerParts): Talk {
  return async ({ leg: lent, media, clock, journal, before, observer, signal }) => {
    const leg = lent as Leg;
    const talking: Talking = { process, media: mediaOf(media), sinceMs: world.nowMs };
    const all = stage.talking.get(leg.id) ?? new Set();
    stage.talking.set(leg.id, all.add(talking));
    stage.heard.set(leg.id, [...(stage.heard.get(leg.id) ?? []), talking]);
    world.tell(`${process.name} talks on ${leg.id}, attempt ${leg.attempt}${before ? ", resumed" : ""}`);
    const teller = new CourseTeller(clock, journal);
    const history = new History({ prompt: "", limit: 100 });
    let index = before ? 1 : 0;
    const say = async (kind: "greeting" | "answer", text: string, tools: ToolRequest[] = []): Promise<void> => {
      const startMs = clock.now();
      const ms = world.between(150, 700);
      const heardMs = (): number => clock.now() - startMs;
      teller.saying(kind, {
        pieces: [text, "And that is all."],
        tools,
        get heardMs() {
          return heardMs();
        },
        spoken: { pieceAt: (at) => (at > ms / 2 ? 1 : 0) },
      });
      await clock.sleep(ms, signal);
      teller.heard(text, tools);
      const agent = { text, startMs: 0, heardMs: ms, heardText: text };
      observer.turn({
        index: index++,
        caller: { text: "", startMs: 0 },
        agent,
        tools: [],
        latency: {},
        interrupted: false,
      });
      for (const tool of tools) await book(leg.id, tool, journal, teller);
    };
    const book = async (call: string, tool: ToolRequest, writer: CourseWriter | undefined, tells: CourseTeller) => {
      if (!hasty) await writer?.kept?.();
      await clock.sleep(world.between(0, 4), signal);
      stage.booked.set(call, (stage.booked.get(call) ?? 0) + 1);
      stage.onBooked(process);
      tells.tool(tool, "done");
      // Its result is on its way to us for a while.
      await clock.sleep(world.between(0.5, 30), signal);
    };
    try {
      const up = before && takeUp(before, history, promptsFor("en"));
      if (!up) await say("greeting", "Good morning.");
      else if (up.type === "ask") await say("answer", "Once more, please.", [...up.tools]);
      else if (up.type === "say") await say("answer", up.text, [...up.tools]);
      else await say("answer", `${up.text} ${up.question}`);
      if (stage.booked.get(leg.id) === undefined && !before) {
        await clock.sleep(world.between(50, 400), signal);
        teller.asked("Is there a table?");
        await clock.sleep(world.between(20, 300), signal);
        await say("answer", "There is. I shall book it.", [BOOKING]);
      }
      await clock.sleep(world.between(50, 800), signal);
      return world.pick<Next>([
        { next: "transfer", target: "sales" },
        { next: "menu", reason: "asked" },
        { next: "hangup" },
      ]);
    } catch {
      // The leg is gone: whoever has the call now, it is not us.
      return { next: "menu", reason: "gone" };
    } finally {
      teller.close();
      all.delete(talking);
    }
  };
}
