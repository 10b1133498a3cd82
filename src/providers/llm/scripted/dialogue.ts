import { COLLECT } from "../../../conversation/collector.ts";
import type { Message } from "../../../conversation/providers.ts";
import { factsOf, fill, fillInput } from "./fill.ts";
import type { Matcher } from "./match.ts";
import { digitsOf, yesOrNo } from "./said.ts";
import { saidWords } from "./said-words.ts";
import type { Answer, Intent, Script } from "./script.ts";
import { stem, tokensOf } from "./tokens.ts";

export interface Reply {
  readonly text: string;
  readonly action?: Intent["action"];
  /** What is to be asked of a tool before there is an answer. */
  readonly tool?: { readonly name: string; readonly input: Readonly<Record<string, string>> };
  /** What it is about. */
  readonly intent?: string;
}

/** Where the talk stands: a function of what was said, nothing else. */
interface State {
  /** What the last answer was about. */
  topic: Intent | undefined;
  asking: { readonly intent: Intent; readonly at: number; digits: string; misses: number } | undefined;
  readonly values: Map<string, string>;
  /** All that was given in the call, whatever it was for, and what was asked for. */
  readonly given: Map<string, string>;
  readonly topics: string[];
  readonly turns: Map<string, number>;
}

const MAX_MESSAGES = 200;
const MAX_MISSES = 2;

/** A script, with whoever finds its intents in what callers say, and the language they say it in. */
export interface Known {
  readonly script: Script;
  readonly match: Matcher;
  readonly language: string;
}

/** The answer to the last thing the caller said. The same messages always get the same answer. */
export function replyTo(messages: readonly Message[], known: Known): Reply | undefined {
  return walk(messages, known).reply;
}

/** What was asked for and given in the call. */
export function talkOf(messages: readonly Message[], known: Known): Pick<State, "topics"> & { values: State["given"] } {
  const { topics, given } = walk(messages, known).state;
  return { topics, values: given };
}

function walk(messages: readonly Message[], known: Known): { state: State; reply: Reply | undefined } {
  const state: State = {
    ...{ topic: undefined, asking: undefined, values: new Map(), turns: new Map() },
    ...{ given: new Map(), topics: [] },
  };
  let reply: Reply | undefined;
  for (const message of messages.slice(-MAX_MESSAGES)) {
    if (message.role === "user") reply = step(state, message.content, known);
    else if (message.role === "tool") reply = told(state, message.content);
  }
  return { state, reply };
}

function step(state: State, text: string, known: Known): Reply {
  if (state.asking) {
    const reply = answered(state, text, known);
    if (reply) return reply;
  }
  const further = furtherQuestion(state, text);
  if (further) return further;
  const found = known.match(text)?.intent;
  if (found) return begin(state, found, text);
  return followOf(state, state.topic, text) ?? otherwise(state, known.script);
}

/** "And on sunday?": short, and about what was just talked about. */
function furtherQuestion(state: State, text: string): Reply | undefined {
  const words = tokensOf(text);
  const short = words.length <= 4 || words[0] === "and" || /^(what|how) about/.test(words.join(" "));
  return short ? followOf(state, state.topic, text) : undefined;
}

function begin(state: State, intent: Intent, text: string): Reply {
  state.topic = intent;
  state.topics.push(intent.name);
  state.values.clear();
  return followOf(state, intent, text) ?? ask(state, intent, 0);
}

function followOf(state: State, topic: Intent | undefined, text: string): Reply | undefined {
  if (!topic) return undefined;
  const heard = new Set(tokensOf(text).map(stem));
  const sameTopic = (keywords: readonly string[]): boolean =>
    keywords.some((keyword) => tokensOf(keyword).every((word) => heard.has(stem(word))));
  const at = topic.follow.findIndex(({ keywords }) => sameTopic(keywords));
  const follow = topic.follow[at];
  return follow && { text: nextOf(state, `${topic.name}/${at}`, follow.answer) };
}

/** Asks for the slot at `at`, or answers when nothing is left to ask. */
function ask(state: State, intent: Intent, at: number): Reply {
  const slot = intent.slots[at];
  state.asking = slot && { intent, at, digits: "", misses: 0 };
  if (slot?.type === "collector") return { text: "", tool: { name: COLLECT, input: { collector: slot.collector } } };
  if (slot?.type === "tool") return { text: "", tool: { name: slot.tool, input: fillInput(slot.input, state.values) } };
  if (slot) return { text: slot.ask };
  const text = fill(nextOf(state, intent.name, intent.answer), state.values);
  return intent.action ? { text, action: intent.action, intent: intent.name } : { text };
}

/** What a tool answered that a slot waits for; undefined: none does. */
function told(state: State, content: string): Reply | undefined {
  const { asking } = state;
  const slot = asking?.intent.slots[asking.at];
  if (!asking || (slot?.type !== "collector" && slot?.type !== "tool")) return undefined;
  const facts = factsOf(slot.name, content);
  if (!facts) {
    state.asking = undefined;
    return slot.failed === undefined ? undefined : { text: nextOf(state, `${asking.intent.name}/failed`, slot.failed) };
  }
  for (const [name, value] of facts) state.values.set(name, value);
  return ask(state, asking.intent, asking.at + 1);
}

/** What the caller said to a question of ours; undefined: it was something else, and the question is dropped. */
function answered(state: State, text: string, known: Known): Reply | undefined {
  const asking = state.asking;
  const slot = asking?.intent.slots[asking.at];
  if (!asking || !slot) return undefined;
  if (slot.type === "collector" || slot.type === "tool") {
    // The tool was never heard of again: what the caller says now is something else.
    state.asking = undefined;
    return undefined;
  }
  if (slot.type === "yesno") {
    const yes = yesOrNo(text, known.language);
    if (yes !== undefined) state.given.set(slot.name, yes ? "yes" : "no");
    if (yes === true) return ask(state, asking.intent, asking.at + 1);
    if (yes === false) {
      state.asking = undefined;
      return {
        text:
          slot.no === undefined
            ? saidWords(known.language).allRight
            : nextOf(state, `${asking.intent.name}/no`, slot.no),
      };
    }
  } else {
    const digits = digitsOf(text, known.language);
    asking.digits = (asking.digits + digits).slice(0, slot.max);
    if (digits !== "" && asking.digits.length < slot.min) return { text: saidWords(known.language).goOn };
    if (digits !== "") {
      state.values.set(slot.name, asking.digits);
      state.given.set(slot.name, asking.digits);
      return ask(state, asking.intent, asking.at + 1);
    }
  }
  return misunderstood(state, text, known);
}

function misunderstood(state: State, text: string, { script, match, language }: Known): Reply | undefined {
  const asking = state.asking;
  const other = match(text)?.intent;
  if (!asking || (other && other !== asking.intent)) {
    state.asking = undefined;
    return undefined;
  }
  asking.misses++;
  if (asking.misses > MAX_MISSES) {
    state.asking = undefined;
    return otherwise(state, script);
  }
  const slot = asking.intent.slots[asking.at];
  return { text: slot && "ask" in slot ? slot.ask : saidWords(language).goOn };
}

const otherwise = (state: State, script: Script): Reply => ({ text: nextOf(state, "", script.else) });

/** Of several answers, each in turn. */
function nextOf(state: State, name: string, answer: Answer): string {
  const turn = state.turns.get(name) ?? 0;
  state.turns.set(name, turn + 1);
  return typeof answer === "string" ? answer : (answer[turn % answer.length] ?? "");
}
