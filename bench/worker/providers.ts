/**
 * A process of its own: the providers' loopback servers, each with its fixed latency. The bench starts it and is told where
 * they listen.
 */
import { FakeDeepgram } from "../../test/fakes/providers/deepgram.ts";
import { FakeElevenLabs } from "../../test/fakes/providers/elevenlabs-server.ts";
import { FakeOpenAi } from "../../test/fakes/providers/openai-server.ts";
import { LATENCY } from "./latency.ts";
import { ANSWER, QUESTION } from "./words.ts";

const deepgram = await FakeDeepgram.start({
  apiKey: "bench",
  transcripts: [QUESTION],
  finalMs: LATENCY.stt,
  partialMs: 500,
});
const openai = new FakeOpenAi({ firstMs: LATENCY.llm });
openai.answer = () => ({ text: ANSWER });
await openai.listen();
const elevenlabs = new FakeElevenLabs({ firstMs: LATENCY.tts });
await elevenlabs.listen();
process.on("disconnect", () => process.exit(0));
process.send?.({ type: "up", deepgram: deepgram.url, openai: openai.baseUrl, elevenlabs: elevenlabs.url });
