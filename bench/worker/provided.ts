import type { ChildProcess } from "node:child_process";
import { nextMessage, startChild } from "./child.ts";

interface ProvidersUp {
  readonly type: "up";
  readonly deepgram: string;
  readonly openai: string;
  readonly elevenlabs: string;
  readonly near: {
    readonly deepgram: string;
    readonly flux: string;
    readonly openai: string;
    readonly elevenlabs: string;
  };
}

/** `watch`: account is kept anew from now on. `late`: how late it was since. */
export interface ToProviders {
  readonly type: "watch" | "late";
}

interface ProvidersLate {
  readonly type: "late";
  readonly p99Ms: number;
}

/** Watches how late the providers' own timers run, until it is asked: the 99th percentile, in ms. */
export function watchProviders(child: ChildProcess, signal: AbortSignal): () => Promise<number> {
  const tell = (message: ToProviders): void => void child.send(message);
  tell({ type: "watch" });
  return async () => {
    const late = nextMessage<ProvidersLate, "late">(child, "late", signal);
    tell({ type: "late" });
    return (await late).p99Ms;
  };
}

/** So many connections are enough for all replies of a load test that are spoken at the same time. */
const VOICE_CONNECTIONS = 100;

/** Starts the providers of fixed latencies, and returns what `providers` in sidetone.yaml says of them. */
export async function startProviders({ undo, signal }: { undo: AsyncDisposableStack; signal: AbortSignal }): Promise<{
  child: ChildProcess;
  settings: Readonly<Record<string, unknown>>;
}> {
  const child = startChild("providers.ts", undo);
  const { deepgram, openai, elevenlabs, near } = await nextMessage<ProvidersUp, "up">(child, "up", signal);
  const settings = {
    ears: { type: "deepgram", url: deepgram, apiKey: "bench" },
    model: { type: "openai", baseUrl: openai, model: "fake" },
    voice: {
      type: "elevenlabs",
      baseUrl: elevenlabs.replace(/^http/, "ws"),
      apiKey: "bench",
      voice: "anna",
      connections: VOICE_CONNECTIONS,
    },
    "near-ears": { type: "deepgram", url: near.deepgram, apiKey: "bench" },
    "near-eager-ears": { type: "flux", url: near.flux, apiKey: "bench" },
    "near-model": { type: "openai", baseUrl: near.openai, model: "fake" },
    "near-voice": {
      type: "elevenlabs",
      baseUrl: near.elevenlabs.replace(/^http/, "ws"),
      apiKey: "bench",
      voice: "anna",
    },
  };
  return { child, settings };
}
