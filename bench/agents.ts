import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { packageFolder } from "../src/base/package.ts";
import { GREETING, NEAR_GREETING } from "./worker/words.ts";

const LONG = [
  "We are open from nine in the morning until six in the evening, Monday to Friday, and on Saturday until noon, and the doctors see patients without an appointment in the first two hours of every day, so please come early if you can.",
  "The laboratory takes blood samples until eleven, and the results are usually there on the following afternoon, unless the sample has to go to the hospital, which takes a day more, and then a nurse rings you up as soon as she knows.",
  "If you need a prescription, leave your name and your date of birth with the reception, and the pharmacy at the corner has your medicine in the evening, and keeps it for a week, and sends it to your house on Fridays, if you live nearby.",
];

/** One long answer of some forty seconds, in long clauses: whoever says anything hears it, and so does the greeted caller. */
const talker = {
  name: "talker",
  numbers: ["4300"],
  language: "en",
  voice: "slt",
  greeting: LONG.join(" "),
  script: {
    intents: [{ name: "prices", phrases: ["what does it cost"], keywords: ["price"], answer: LONG.join(" ") }],
    else: LONG.join(" "),
  },
};

/** Providers in the cloud, as far as the service can tell: each a loopback server with a fixed latency. */
const cloud = {
  name: "cloud",
  numbers: ["4400"],
  greeting: GREETING,
  // Shorter than what the recogniser takes for its final words: then nothing runs beside anything else.
  pauseMs: 200,
  vad: "silero",
  stt: "ears",
  llm: "model",
  tts: "voice",
  prompt: "You answer the telephone of a clinic.",
};

/** The same, with quick providers near by: a recogniser that says itself when a turn is over, and one that waits to be asked. */
const eager = {
  ...cloud,
  name: "eager",
  numbers: ["4410"],
  greeting: NEAR_GREETING,
  stt: "near-eager-ears",
  llm: "near-model",
  tts: "near-voice",
};
const plain = { ...eager, name: "plain", numbers: ["4420"], stt: "near-ears" };

/** Where those two are reached. */
export const EAGER_NUMBER = "4410";
export const PLAIN_NUMBER = "4420";

/** Where the agent with the providers of fixed latencies is reached. */
export const CLOUD_NUMBER = "4400";

/** The example of the repository at a number of its own: what it understands is looked at. */
const listener = {
  ...(parse(readFileSync(join(packageFolder, "agents/reception.yaml"), "utf8")) as object),
  name: "listener",
  numbers: ["4430"],
};
export const LISTENER_NUMBER = "4430";

/** The agents of the bench, beside the example of the repository. */
export const agents: Readonly<Record<string, string>> = {
  "talker.yaml": stringify(talker),
  "cloud.yaml": stringify(cloud),
  "eager.yaml": stringify(eager),
  "plain.yaml": stringify(plain),
  "listener.yaml": stringify(listener),
};
