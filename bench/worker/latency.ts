/** The fixed latencies of the fake providers, in ms: the recogniser's from `Finalize`, the others' from the request. */
export const LATENCY = { stt: 200, llm: 150, tts: 80 } as const;

/** They wait for each other. */
export const PROVIDERS_MS: number = LATENCY.stt + LATENCY.llm + LATENCY.tts;
