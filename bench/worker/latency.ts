/** The fixed latencies of the fake providers, in ms: the recogniser's from `Finalize`, the others' from the request. */
export const LATENCY = { stt: 200, llm: 150, tts: 80 } as const;

/** They wait for each other. */
export const PROVIDERS_MS: number = LATENCY.stt + LATENCY.llm + LATENCY.tts;

/**
 * Providers that are near and quick, in ms: the recogniser's final words from the end of speech, for Nova from `Finalize`. Flux thinks a
 * turn nearly over at its first quiet frame: it judges by the words, and these make a whole sentence.
 */
export const NEAR = { stt: 60, llm: 80, tts: 50, eager: 20 } as const;

export const NEAR_MS: number = NEAR.stt + NEAR.llm + NEAR.tts;
