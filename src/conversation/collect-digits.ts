import type { MediaStream } from "../audio/stream.ts";
import type { Clock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Leg } from "../call/engine.ts";
import type { Acting } from "./acting.ts";
import type { Agent } from "./agent.ts";
import { sayAside } from "./aside.ts";
import { COLLECT, type Collector, collectorIn, longestMs } from "./collector.ts";
import { humanNext, humanRequest } from "./human.ts";
import { Keypad } from "./keypad.ts";
import type { ConversationLimits } from "./limits.ts";
import type { ConversationObserver } from "./observer.ts";
import type { TextToSpeech } from "./providers.ts";
import type { Speaker } from "./speaker.ts";
import type { Tool, ToolCall, ToolOutcome } from "./tools.ts";
import { transferTool } from "./transfer.ts";
import type { Vault } from "./vault.ts";

export interface KeypadParts {
  readonly agent: Agent;
  readonly media: MediaStream;
  readonly clock: Clock;
  readonly leg: Partial<Pick<Leg, "recording">>;
  readonly providers: { readonly tts: TextToSpeech };
  readonly limits: ConversationLimits;
  readonly observer: ConversationObserver;
  readonly signal: AbortSignal;
  readonly speaker: () => Speaker;
  readonly acting: () => Acting;
}

/** A conversation's keypad: what leads to it, and how it speaks. */
export function keypadOf(parts: KeypadParts): Keypad {
  const { agent, media, clock, leg, providers, limits, observer, signal, speaker, acting } = parts;
  return new Keypad({
    ...{ media, clock, signal, collectors: agent.collectors, recording: leg.recording },
    ahead: () => collectorIn(acting().ahead) ?? collectorIn(speaker().ahead),
    hasten: () => speaker().hasten(),
    key: (digit) => observer.key?.(digit),
    async say(text, cut) {
      const aside = sayAside(text, {
        ...{ tts: providers.tts, media, clock, agent, limits },
        onWords: (words) => observer.agentWords(words),
        onUsage: (usage) => observer.usage?.(usage),
      });
      if (cut.aborted) aside.cut();
      cut.addEventListener("abort", () => aside.cut(), { once: true });
      speaker().aside(text, await aside.over);
    },
  });
}

export interface CollectOptions extends Pick<ToolCall, "leg" | "reception"> {
  readonly agent: Agent;
  readonly keypad: () => Keypad;
  readonly vault: Pick<Vault, "keep">;
  readonly log: Log;
}

/** The tool that asks callers to press something; none where the agent's file has no collectors. */
export function collectDigits(options: CollectOptions): readonly Tool[] {
  const { collectors } = options.agent;
  if (collectors.length === 0) return [];
  const known = collectors.map(({ name, description }) => (description === "" ? name : `${name}: ${description}`));
  return [
    {
      definition: {
        name: COLLECT,
        description: `Asks the caller to press digits on the keypad, and waits for them. It asks by itself: call it without saying so first. It answers with the digits, or with a token that stands for them and that other tools take in their place. ${known.join("; ")}`,
        parameters: {
          type: "object",
          properties: { collector: { type: "string", enum: collectors.map(({ name }) => name) } },
          required: ["collector"],
          additionalProperties: false,
        },
      },
      attends: true,
      timeoutMs: Math.max(...collectors.map(longestMs)),
      async run({ collector: name }, signal) {
        const collector = collectors.find((one) => one.name === name);
        if (!collector) return { result: `This failed: there is no such collector. There are: ${known.join("; ")}.` };
        return collect(collector, options, signal);
      },
    },
  ];
}

async function collect(collector: Collector, options: CollectOptions, signal: AbortSignal): Promise<ToolOutcome> {
  const { keypad, vault, log } = options;
  const { name, digits, otherwise } = collector;
  let pressed: string | undefined;
  try {
    pressed = await keypad().collect(collector, signal);
  } catch (error) {
    if (signal.aborted) throw error;
    log.warn({ collector: name, reason: messageOf(error) }, "a caller could not be asked for digits");
    return { result: "This failed: the caller cannot be asked for it now." };
  }
  if (pressed !== undefined)
    return {
      result: JSON.stringify(digits.secure ? { token: vault.keep(name, pressed) } : { digits: pressed }),
    };
  if (otherwise === "agent") return { result: "This failed: the caller has not pressed what was asked for." };
  return giveUp(otherwise, options);
}

/** To a person it goes as any other transfer does: with a brief, and not outside of their hours. */
async function giveUp(
  otherwise: Exclude<Collector["otherwise"], "agent">,
  options: CollectOptions,
): Promise<ToolOutcome> {
  const { agent } = options;
  if (otherwise === "menu") return { next: { next: "menu", reason: "keys" } };
  const input = otherwise === "human" ? humanRequest(agent)?.input : { target: otherwise.transfer };
  return input ? transferTool(agent, options).run(input) : { next: humanNext(agent) };
}
