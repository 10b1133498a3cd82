import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Hearing, Transcript } from "../../../src/conversation/providers.ts";

/** The next transcript of this kind. */
export async function next(
  hearing: Hearing,
  wanted: (transcript: Transcript) => boolean = ({ final }) => final,
): Promise<Transcript> {
  const transcripts = hearing.transcripts[Symbol.asyncIterator]();
  for (let one = await transcripts.next(); !one.done; one = await transcripts.next())
    if (wanted(one.value)) return one.value;
  throw new Error("the hearing ended first");
}

/** A loopback server for the tests of a file, and a signal for each of them. */
export function withServer<Server extends { close(): Promise<void> }>(start: () => Promise<Server>) {
  let server: Server;
  let over: AbortController;
  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    over = new AbortController();
  });
  afterEach(() => over.abort());
  return {
    get server(): Server {
      return server;
    },
    get signal(): AbortSignal {
      return over.signal;
    },
  };
}
