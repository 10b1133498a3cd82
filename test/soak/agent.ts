import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { FakeWyomingStt } from "../fakes/providers/wyoming-stt.ts";

/** Words long enough that whoever dies is in the middle of them, and nothing that makes a starting worker slow: who listens is on another host. */
const AGENT = {
  name: "reception",
  language: "en",
  voice: "slt",
  vad: "fvad",
  stt: "elsewhere",
  targets: ["sales", "support", "operator"],
  greeting: [
    "Harbour Clinic, good day. You are speaking with the automatic receptionist.",
    "We are open from eight to six, Monday to Friday. On Saturday the doors are open from nine until one.",
    "The telephone is answered from half past seven, and the laboratory takes its last samples an hour before we close.",
    "Please come a little earlier for a blood test, and bring the letter of your doctor with you.",
    "In an emergency the hospital on Castle Hill is always open. How can I help?",
  ].join(" "),
  script: {
    else: "I did not understand that.",
    intents: [{ name: "hours", phrases: ["when do you open"], answer: "We open at eight." }],
  },
};

/** An agent whose workers are cheap to start, for those who kill many of them. `settings`: of sidetone.yaml. */
export async function cheapAgent() {
  await using undo = new AsyncDisposableStack();
  const agents = await mkdtemp(join(tmpdir(), "sidetone-agents-"));
  undo.defer(() => rm(agents, { recursive: true, force: true }));
  await writeFile(join(agents, "reception.yaml"), stringify(AGENT));
  const recogniser = await FakeWyomingStt.start();
  undo.defer(() => recogniser.close());
  const providers = { elsewhere: { type: "wyoming", stage: "stt", port: recogniser.port } };
  const owned = undo.move();
  return { settings: { agents, providers }, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
