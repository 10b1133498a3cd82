import type { SampleRate } from "../../src/audio/frame.ts";
import type { Clock } from "../../src/base/clock.ts";
import { silentLog } from "../../src/base/log.ts";
import type { EslEvent } from "../../src/engines/freeswitch/esl/event.ts";
import { EslServer, type OutboundCall } from "../../src/engines/freeswitch/esl/server.ts";
import { MEDIA_EVENTS, type MediaChannel, type MediaEventName } from "../../src/engines/freeswitch/media/port.ts";

/** A lent call as media sees it, and what a bench does to it. */
export interface LentCall {
  readonly channel: MediaChannel;
  readonly outbound: OutboundCall;
}

/** Takes every lent call; `onCall` is its whole life. */
export async function takeCalls(clock: Clock, onCall: (call: LentCall) => Promise<void>): Promise<EslServer> {
  const server = new EslServer({
    host: "127.0.0.1",
    port: 0,
    clock,
    log: silentLog,
    onCall: async (outbound) => {
      const { connection, uuid } = outbound;
      const listeners = new Map<string, Set<(event: EslEvent) => void>>();
      outbound.listen({
        onEvent: (event) => {
          const name = event.name === "CUSTOM" ? event.get("Event-Subclass") : event.name;
          for (const listener of listeners.get(name) ?? []) listener(event);
        },
        onNotice: () => {},
      });
      const own = MEDIA_EVENTS.filter((name) => name.includes("::"));
      const plain = MEDIA_EVENTS.filter((name) => !name.includes("::"));
      // `myevents` tells no CUSTOM event.
      await connection.order(`event plain ${plain.join(" ")} CUSTOM ${own.join(" ")}`);
      await connection.order(`filter Unique-ID ${uuid}`);
      const rate = Number(await connection.api(`uuid_getvar ${uuid} read_rate`));
      const channel: MediaChannel = {
        uuid,
        rate: (rate === 16_000 ? 16_000 : 8000) as SampleRate,
        // The bench's own dialplan sets nothing of the kind.
        sendsSilence: false,
        again: false,
        signal: connection.closed,
        api: (command) => connection.api(command),
        sendmsg: (headers) => connection.sendmsg(headers),
        on(name: MediaEventName, listener) {
          const all = listeners.get(name) ?? new Set();
          listeners.set(name, all.add(listener));
          return () => void all.delete(listener);
        },
      };
      await onCall({ channel, outbound });
      connection.leave();
    },
  });
  await server.listen();
  return server;
}
